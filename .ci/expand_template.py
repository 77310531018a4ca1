"""Prints the CloudFormation template that SAM makes of the given one. Fails if it exceeds
CloudFormation's limits."""

import json
import logging
import sys

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
LIMITS = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Mappings": 200}
MAX_BYTES = 1_000_000
# Below CloudFormation's limit, so that a check fails before a release does. An endpoint takes 2
# resources, so 50 more fit above this.
MAX_RESOURCES = 400

logging.disable(logging.CRITICAL)
with open(sys.argv[1], encoding="utf-8") as file:
    text = file.read()
template = yaml_parse(text)
for resource in template["Resources"].values():
    if resource["Type"] == "AWS::Serverless::Function":
        # A place to which `sam deploy` might have uploaded it.
        resource["Properties"]["CodeUri"] = "s3://bucket/" + resource["Properties"]["CodeUri"]
session = boto3.Session(region_name="eu-central-1")
expanded = Translator({}, Parser(), boto_session=session).translate(template, {})
for section, limit in LIMITS.items():
    count = len(expanded.get(section, {}))
    if count > limit:
        sys.exit(f"{count} {section}: CloudFormation allows {limit}")
count = len(expanded["Resources"])
print(f"{count} of {LIMITS['Resources']} resources", file=sys.stderr)
if count > MAX_RESOURCES:
    sys.exit(f"{count} resources: our limit is {MAX_RESOURCES}, CloudFormation's is {LIMITS['Resources']}")
json.dump(expanded, sys.stdout, indent=1)
if len(json.dumps(expanded)) > MAX_BYTES:
    sys.exit(f"the expanded template is larger than {MAX_BYTES} bytes")
