"""Copies the items that one table has and another lacks. For use after a restore
(docs/deployment.md).

    python3 deploy/copy_items.py RESTORED_TABLE LIVE_TABLE

Items that the live table has stay as they are, so that no later change is undone. Expired items are
not copied. Needs boto3."""

import sys
import time

import boto3
from botocore.exceptions import ClientError

source, target = sys.argv[1:]
dynamodb = boto3.client("dynamodb")
now = int(time.time())
copied = kept = expired = 0
for page in dynamodb.get_paginator("scan").paginate(TableName=source, ConsistentRead=True):
    for item in page["Items"]:
        if int(item.get("expires_at", {"N": now + 1})["N"]) <= now:
            expired += 1
            continue
        try:
            dynamodb.put_item(TableName=target, Item=item, ConditionExpression="attribute_not_exists(pk)")
            copied += 1
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            kept += 1
print(f"{copied} items copied, {kept} already in {target}, {expired} expired")
