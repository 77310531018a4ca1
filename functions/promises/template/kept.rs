//! The resources that outlive the stack, and the pictures.

use serde_yaml_ng::Value;

use super::{TEMPLATE_VALUE, entries, resource, text};

#[test]
fn stored_data_is_protected_and_outlives_the_stack() {
    let table = resource("Table");
    let properties = &table["Properties"];
    assert_eq!(properties["DeletionProtectionEnabled"], true);
    assert_eq!(properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
    assert_eq!(properties["TimeToLiveSpecification"]["Enabled"], true);
    assert_eq!(text(&properties["TimeToLiveSpecification"]["AttributeName"]), shared::table::TTL);
    assert_eq!(text(&properties["BillingMode"]), "PAY_PER_REQUEST");

    // The table's own deletion protection would make the rollback of a failed first deployment fail.
    for (id, deletion_policy) in [
        ("Table", "Retain"),
        ("AuditBucket", "Retain"),
        ("SigningKeysSecret", "RetainExceptOnCreate"),
        ("HashKeysSecret", "RetainExceptOnCreate"),
        ("AvatarBucket", "RetainExceptOnCreate"),
    ] {
        assert_eq!(text(&resource(id)["DeletionPolicy"]), deletion_policy, "{id}");
        assert_eq!(text(&resource(id)["UpdateReplacePolicy"]), "Retain", "{id}");
    }

    for bucket in ["AvatarBucket", "AuditBucket"] {
        let access = &resource(bucket)["Properties"]["PublicAccessBlockConfiguration"];
        assert_eq!(entries(access).filter(|(_, value)| **value == true).count(), 4, "{bucket}");
        let policy = &resource(&format!("{bucket}Policy"))["Properties"]["PolicyDocument"];
        let statement = &policy["Statement"][0];
        assert_eq!((text(&statement["Sid"]), text(&statement["Effect"])), ("TlsOnly", "Deny"));
        assert_eq!(statement["Condition"]["Bool"]["aws:SecureTransport"], false, "{bucket}");
    }
}

#[test]
fn anchors_are_locked_for_longer_than_events_are_kept() {
    let properties = &resource("AuditBucket")["Properties"];
    assert_eq!(text(&properties["VersioningConfiguration"]["Status"]), "Enabled");
    assert_eq!(properties["ObjectLockEnabled"], true);
    let retention = &properties["ObjectLockConfiguration"]["Rule"]["DefaultRetention"];
    assert_eq!(text(&retention["Mode"]["Ref"]), "AuditLockMode");
    assert_eq!(text(&retention["Days"]["Ref"]), "AuditLockDays");

    // DynamoDB may delete an event days after it has expired.
    let default = |name: &str| TEMPLATE_VALUE["Parameters"][name]["Default"].as_i64().unwrap();
    assert!(default("AuditLockDays") >= default("AuditRetentionDays") + 30);
}

#[test]
fn an_unused_picture_is_deleted() {
    let rules = &resource("AvatarBucket")["Properties"]["LifecycleConfiguration"]["Rules"];
    let rules = rules.as_sequence().unwrap();
    let rule = rules.iter().find(|rule| rule.get("ExpirationInDays").is_some()).unwrap();

    // Without the filter, the rule would delete every picture.
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
