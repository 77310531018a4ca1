"""Deploys deploy/edge.yaml into the emulated account, and checks that the API answers through it
alone, also while its secret is rotated. The emulated CloudFront serves nothing, so a proxy plays
it: it does what the distribution's configuration says."""

import http.server
import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import clock_hour

EDGE_REGION = "us-east-1"
EDGE_STACK = "latchkey-edge"
SECRET = "first-secret-of-the-edge-0123456789"
# The header by which a test says from where it calls. Here, all connections come from one address.
VIEWER = "test-viewer"
ORIGIN_VERIFY, VIEWER_ADDRESS = "x-origin-verify", "cloudfront-viewer-address"


class Edge(http.server.ThreadingHTTPServer):
    """CloudFront: sends each request on with the secret and with the address of its client."""

    daemon_threads = True

    def __init__(self, origin, headers):
        super().__init__(("127.0.0.1", 0), Viewer)
        self.origin, self.headers = origin, headers
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Viewer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        sent = {name.lower(): value for name, value in self.headers.items()}
        viewer = sent.pop(VIEWER, "192.0.2.1")
        sent |= self.server.headers() | {VIEWER_ADDRESS: f"{viewer}:46532"}
        status, headers, answer = call(self.command, self.server.origin + self.path, sent, body)
        self.send_response(status)
        for name in ("content-type", "retry-after"):
            if name in headers:
                self.send_header(name, headers[name])
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = pass_on

    def log_message(self, *args):
        pass


def call(method, url, headers, body=b""):
    hop = {"host", "connection", "content-length"}
    headers = {name: value for name, value in headers.items() if name not in hop}
    request = urllib.request.Request(url, body or None, headers, method=method)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def send_code(url, phone, headers):
    body = json.dumps({"phone": phone}).encode()
    status, _, answer = call("POST", f"{url}/v1/otp/send", {"content-type": "application/json"} | headers, body)
    return status, json.loads(answer).get("code")


def origin_headers(client):
    """The headers that the distribution adds."""
    resource = client("cloudformation", EDGE_REGION).describe_stack_resource(
        StackName=EDGE_STACK, LogicalResourceId="Distribution"
    )
    distribution = resource["StackResourceDetail"]["PhysicalResourceId"]
    config = client("cloudfront").get_distribution_config(Id=distribution)["DistributionConfig"]
    headers = config["Origins"]["Items"][0]["CustomHeaders"]["Items"]
    return {header["HeaderName"]: header["HeaderValue"] for header in headers}


def deploy(sam_deploy):
    """Deploys the edge as docs/deployment.md says."""
    parameters = {
        "DomainName": "id.example.com",
        "CertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/edge",
        "OriginDomain": "d-0123456789.execute-api.eu-central-1.amazonaws.com",
        "EdgeSecret": SECRET,
    }
    sam_deploy(["--config-env", "edge", "--no-confirm-changeset"], parameters)


def check(url, client):
    """The API accepts the edge and nobody else. Each address may ask for two texts an hour."""
    edge = Edge(url, lambda: origin_headers(client))
    try:
        for forged in ({}, {ORIGIN_VERIFY: "wrong"}, {VIEWER_ADDRESS: "198.51.100.1:443"}):
            assert send_code(url, "+14155550190", forged) == (403, "forbidden"), forged
        assert call("GET", f"{url}/health", {})[0] == 403
        assert call("GET", f"{edge.url}/health", {})[0] == 200

        for number, viewer in enumerate(["198.51.100.1", "2001:db8::1"]):
            # A client cannot name an address or a secret: CloudFront overwrites both.
            headers = {VIEWER: viewer, VIEWER_ADDRESS: "203.0.113.9:1", ORIGIN_VERIFY: "wrong"}
            clock_hour.wait_for_time(60)
            sent = [send_code(edge.url, f"+1415555{number}19{text}", headers) for text in range(3)]
            assert sent == [(202, None), (202, None), (429, "sms_limit_reached")], sent
    finally:
        edge.shutdown()


def check_rotation(url, client, stack, environment):
    """No request is refused while the secret is rotated, and the old one is good for nothing after."""
    edge = Edge(url, lambda: origin_headers(client))
    before = origin_headers(client)
    try:
        command = [sys.executable, "deploy/rotate-edge-secret", stack, EDGE_STACK]
        rotation = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        statuses = []
        while rotation.poll() is None or not statuses:
            statuses.append(call("GET", f"{edge.url}/.well-known/jwks.json", {})[0])
        assert rotation.returncode == 0, "the secret was not rotated"
        # During an update, the emulated DynamoDB can be too slow for a function, which then answers
        # 503.
        assert 200 in statuses and 403 not in statuses, f"refused during the rotation: {statuses}"

        after = origin_headers(client)
        assert after != before, "CloudFront still sends the old secret"
        viewer = {VIEWER_ADDRESS: "198.51.100.1:443"}
        assert call("GET", f"{url}/health", before | viewer)[0] == 403, "the old secret still works"
        assert call("GET", f"{url}/health", after | viewer)[0] == 200
    finally:
        edge.shutdown()
