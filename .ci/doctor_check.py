"""Runs `latchkey doctor` and `latchkey smoke` against the stack in the emulated account. Faults are put in one after
another: doctor has to name each of them and nothing else, and to be content again once it is removed."""

import json
import re
import subprocess
import time
import urllib.parse
import urllib.request

LATCHKEY = "target/debug/latchkey"
SENDER, DOMAIN, ALARM_EMAIL = "codes@example.com", "example.com", "alarms@example.com"
TEXTS = {
    "MonthlySpendLimit": "100",
    "DeliveryStatusIAMRole": "arn:aws:iam::000000000000:role/SMSDeliveryLog",
    "EmulatedSandbox": "false",
    "EmulatedNumbers": "US=+18335550100",
    "EmulatedConcurrency": "",
}
SMOKE_PHONE = "+14155550191"


def get(url):
    with urllib.request.urlopen(url) as response:
        return json.load(response)


class DoctorCheck:
    """`client` makes a boto3 client of the account, `environment` are the variables of an operator's terminal."""

    def __init__(self, client, environment, endpoint, stack, url, step):
        self.client, self.environment, self.endpoint = client, environment, endpoint
        self.stack, self.url, self.step = stack, url, step

    # --- The commands -----------------------------------------------------------------------------

    def doctor(self, **environment):
        """The exit code, and the findings by their check."""
        command = [LATCHKEY, "doctor", "--stack", self.stack, "--url", self.url, "--json"]
        done = subprocess.run(command, env=self.environment | environment, capture_output=True, text=True)
        assert done.returncode in (0, 1), done.stderr
        findings = [json.loads(line) for line in done.stdout.splitlines()]
        assert all(finding["fix"] for finding in findings if finding["level"] != "ok"), findings
        return done.returncode, {finding["check"]: finding for finding in findings}

    def expect(self, faults, **environment):
        """Doctor finds these faults, given as checks and their levels, and no others."""
        exit_code, findings = self.doctor(**environment)
        found = {check: finding["level"] for check, finding in findings.items() if finding["level"] != "ok"}
        assert found == faults, f"expected {faults}, found {[findings[check] for check in found]}"
        assert exit_code == (1 if "problem" in faults.values() else 0), exit_code
        return findings

    def smoke(self, phone):
        command = [LATCHKEY, "smoke", "--url", self.url, "--phone", phone, "--json"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(command, env=self.environment, text=True, **pipes)
        question = process.stderr.readline()
        code = self.code(phone) if question.startswith("Code sent to") else ""
        out, err = process.communicate(f"{code}\n")
        assert process.returncode == 0, f"{question}{out}{err}"
        return [json.loads(line)["check"] for line in out.splitlines()]

    def code(self, phone):
        texts = get(f"{self.endpoint}/_ministack/sns/sms-messages?phoneNumber={urllib.parse.quote(phone)}")
        return re.findall(r"\b(\d{6,10}) is your", json.dumps(texts))[-1]

    # --- A healthy account ------------------------------------------------------------------------

    def prepare(self):
        self.client("sns").set_sms_attributes(attributes=TEXTS)
        self.client("sesv2").create_configuration_set(ConfigurationSetName="mail")
        self.identity("true")
        self.update(AdminPhone="", EmailFrom=SENDER)

    def identity(self, verified):
        mail = self.client("sesv2")
        if DOMAIN in [identity["IdentityName"] for identity in mail.list_email_identities()["EmailIdentities"]]:
            mail.delete_email_identity(EmailIdentity=DOMAIN)
        mail.create_email_identity(EmailIdentity=DOMAIN, Tags=[{"Key": "emulated:verified", "Value": verified}])
        mail.put_email_identity_configuration_set_attributes(EmailIdentity=DOMAIN, ConfigurationSetName="mail")

    def update(self, **changed):
        """Updates the stack with other parameters."""
        formation = self.client("cloudformation")
        stack = formation.describe_stacks(StackName=self.stack)["Stacks"][0]
        names = [parameter["ParameterKey"] for parameter in stack["Parameters"]]
        parameters = [{"ParameterKey": name, "UsePreviousValue": True} for name in names if name not in changed]
        parameters += [{"ParameterKey": name, "ParameterValue": value} for name, value in changed.items()]
        capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
        options = {"UsePreviousTemplate": True, "Parameters": parameters, "Capabilities": capabilities}
        formation.update_stack(StackName=self.stack, **options)
        formation.get_waiter("stack_update_complete").wait(StackName=self.stack, WaiterConfig={"Delay": 1})

    def output(self, name):
        stack = self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"][0]
        return next(output["OutputValue"] for output in stack["Outputs"] if output["OutputKey"] == name)

    def confirm_alarm_mail(self):
        mails = [mail for mail in self.mails() if ALARM_EMAIL in mail["To"]]
        link = re.search(r"/\?Action=ConfirmSubscription\S+", mails[-1]["BodyText"])[0]
        urllib.request.urlopen(self.endpoint + link).close()

    def mails(self):
        accounts = get(f"{self.endpoint}/_ministack/ses/messages")["messages"]
        return [mail for mails in accounts.values() for mail in mails]

    def subscribe_again(self):
        sns, topic = self.client("sns"), self.output("AlarmTopicArn")
        for subscription in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]:
            sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=ALARM_EMAIL)

    # --- The faults -------------------------------------------------------------------------------

    def faults(self):
        """Each fault of the account: the finding, its level, how it is put in, and how it is removed."""
        sns, mail = self.client("sns"), self.client("sesv2")
        texts = lambda **changed: lambda: sns.set_sms_attributes(attributes=TEXTS | changed)
        account = {"MailType": "TRANSACTIONAL", "WebsiteURL": "https://example.com"}
        access = lambda granted: lambda: mail.put_account_details(ProductionAccessEnabled=granted, **account)
        yield "texts-sandbox", "problem", texts(EmulatedSandbox="true"), texts()
        yield "texts-spend-limit", "problem", texts(MonthlySpendLimit="1"), texts()
        yield "texts-origination", "problem", texts(EmulatedNumbers="DE=+4915555550100"), texts()
        yield "texts-delivery-log", "warning", texts(DeliveryStatusIAMRole=""), texts()
        yield "email-identity", "problem", lambda: self.identity("false"), lambda: self.identity("true")
        yield "email-sandbox", "problem", access(False), access(True)
        yield (
            "email-configuration-set",
            "problem",
            lambda: mail.delete_configuration_set(ConfigurationSetName="mail"),
            lambda: mail.create_configuration_set(ConfigurationSetName="mail"),
        )
        suppress = lambda *reasons: lambda: mail.put_account_suppression_attributes(SuppressedReasons=list(reasons))
        yield "email-suppression", "warning", suppress("COMPLAINT"), suppress("BOUNCE", "COMPLAINT")
        yield "alarm-mail", "problem", self.subscribe_again, self.confirm_alarm_mail
        yield "concurrency", "problem", texts(EmulatedConcurrency="10"), texts()

        change = lambda name, value: lambda: self.update(**{name: value})
        origin = self.parameter("AllowedOrigins")
        elsewhere = "https://elsewhere.example.com"
        yield "origins", "problem", change("AllowedOrigins", "http://localhost"), change("AllowedOrigins", origin)
        yield "web-otp", "problem", change("WebOtpOrigin", elsewhere), change("WebOtpOrigin", "")
        yield "first-administrator", "warning", change("AdminPhone", SMOKE_PHONE), change("AdminPhone", "")

    def senders(self):
        """The secret of senders, from before the stack has it until after it is deleted."""
        secrets = self.client("secretsmanager")
        arn = secrets.create_secret(Name="senders", SecretString="{}")["ARN"]
        self.update(TextSenders="*=twilio,sns")
        self.expect({"senders": "problem"})
        self.update(SendersSecretArn=arn)
        self.expect({})
        secrets.delete_secret(SecretId=arn, RecoveryWindowInDays=7)
        self.expect({"senders-secret": "problem"})
        self.update(TextSenders="*=sns", SendersSecretArn="")
        self.expect({})

    def stranger(self):
        """The keys of somebody in the account who may only describe stacks."""
        iam = self.client("iam")
        iam.create_user(UserName="stranger")
        allow = {"Effect": "Allow", "Action": "cloudformation:DescribeStacks", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        iam.put_user_policy(UserName="stranger", PolicyName="stacks", PolicyDocument=policy)
        key = iam.create_access_key(UserName="stranger")["AccessKey"]
        return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

    def check(self):
        self.prepare()
        self.step("latchkey doctor: the alarm mail is not confirmed yet")
        self.expect({"alarm-mail": "problem"})
        self.confirm_alarm_mail()
        self.expect({})

        for check, level, put_in, remove in self.faults():
            began = time.monotonic()
            put_in()
            self.expect({check: level})
            remove()
            self.expect({})
            print(f"   named: {check} ({time.monotonic() - began:.1f} s)", flush=True)

        self.step("latchkey doctor: senders and their secret")
        self.senders()

        self.step("latchkey doctor: faults of this terminal")
        self.expect({"region": "problem"}, AWS_DEFAULT_REGION="us-east-1")
        exit_code, findings = self.doctor(**self.stranger())
        refused = {check for check, finding in findings.items() if "not authorized" in finding["message"]}
        assert exit_code == 1 and {"texts-sandbox", "email-identity", "first-administrator"} <= refused, findings
        assert findings["health"]["level"] == findings["stack"]["level"] == "ok", findings
        command = [LATCHKEY, "doctor", "--stack", "none"]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 1 and "There is no stack none" in done.stdout, done
        nowhere = {name: value for name, value in self.environment.items() if "REGION" not in name}
        done = subprocess.run(command, env=nowhere, capture_output=True, text=True)
        assert done.returncode == 2 and "no region is set" in done.stderr, done

        self.step("latchkey doctor: a domain that does not resolve, with a certificate for another one")
        certificate = self.client("acm").request_certificate(DomainName="id.example.com")["CertificateArn"]
        self.update(DomainName="id.example.invalid", CertificateArn=certificate)
        self.expect({"domain": "problem", "certificate": "problem"})
        self.update(DomainName="", CertificateArn="")
        self.expect({})

        self.step("latchkey smoke")
        steps = self.smoke(SMOKE_PHONE)
        assert steps == ["health", "keys", "sign-in", "token", "me", "refresh", "sign-out", "ended"], steps
        self.update(EmailFrom="")

    def parameter(self, name):
        stack = self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"][0]
        return next(
            parameter["ParameterValue"] for parameter in stack["Parameters"] if parameter["ParameterKey"] == name
        )
