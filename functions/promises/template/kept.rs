//! What outlives the stack, and the pictures.

use serde_yaml_ng::Value;

use super::{entries, resource, text};

#[test]
fn what_is_kept_is_kept() {
    let table = resource("Table");
    let properties = &table["Properties"];
    assert_eq!(properties["DeletionProtectionEnabled"], true);
    assert_eq!(properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
    assert_eq!(properties["SSESpecification"]["SSEEnabled"], true);
    assert_eq!(properties["TimeToLiveSpecification"]["Enabled"], true);
    assert_eq!(text(&properties["TimeToLiveSpecification"]["AttributeName"]), shared::table::TTL);
    assert_eq!(text(&properties["BillingMode"]), "PAY_PER_REQUEST");
    for id in ["Table", "SigningKeysSecret", "HashKeysSecret", "AvatarBucket"] {
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
            assert_eq!(text(&resource(id)[policy]), "Retain", "{id}");
        }
    }
    let access = &resource("AvatarBucket")["Properties"]["PublicAccessBlockConfiguration"];
    assert_eq!(entries(access).filter(|(_, value)| **value == true).count(), 4);
}

#[test]
fn a_picture_that_nobody_has_ends() {
    let rules = &resource("AvatarBucket")["Properties"]["LifecycleConfiguration"]["Rules"];
    let rules = rules.as_sequence().unwrap();
    let rule = rules.iter().find(|rule| rule.get("ExpirationInDays").is_some()).unwrap();
    // Without the filter it would be every picture.
    let tag = &rule["TagFilters"][0];
    assert_eq!(shared::avatars::PENDING, format!("{}={}", text(&tag["Key"]), text(&tag["Value"])));
    assert_eq!((text(&rule["Status"]), &rule["ExpirationInDays"]), ("Enabled", &Value::from(1)));
    let expiring =
        rules.iter().filter(|rule| entries(rule).any(|(name, _)| name.starts_with("Expiration")));
    assert_eq!(expiring.count(), 1);
}

#[test]
fn a_picture_is_served_as_a_picture() {
    let behavior =
        &resource("AvatarDistribution")["Properties"]["DistributionConfig"]["DefaultCacheBehavior"];
    assert_eq!(text(&behavior["ResponseHeadersPolicyId"]["Ref"]), "AvatarHeaders");
    let policy = &resource("AvatarHeaders")["Properties"]["ResponseHeadersPolicyConfig"];
    assert_eq!(policy["SecurityHeadersConfig"]["ContentTypeOptions"]["Override"], true);
    assert_eq!(text(&behavior["ViewerProtocolPolicy"]), "redirect-to-https");
}
