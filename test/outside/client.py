"""Connects once by Python's ssl and stays until the server hangs up.

Its only argument is a JSON object: host and port, and optionally cafile (verify the
server by it), server_name, cert and key, alpn, tls_1_2 (true: at most that version).
When the handshake succeeds and the server speaks, it prints what was agreed on, as
JSON. A refusal is no failure of this program: the server knows why, and is asked.
"""

import json
import socket
import ssl
import sys

TIMEOUT = 30  # seconds


def context(options):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if "cafile" in options:
        c.load_verify_locations(options["cafile"])
    else:
        c.check_hostname = False
        c.verify_mode = ssl.CERT_NONE
    if "cert" in options:
        c.load_cert_chain(options["cert"], options["key"])
    if "alpn" in options:
        c.set_alpn_protocols(options["alpn"])
    if options.get("tls_1_2"):
        c.maximum_version = ssl.TLSVersion.TLSv1_2
    return c


def main(options):
    with socket.create_connection((options["host"], options["port"]), TIMEOUT) as raw:
        try:
            with context(options).wrap_socket(raw, server_hostname=options.get("server_name")) as conn:
                if conn.recv(1):
                    print(json.dumps({"version": conn.version(), "alpn": conn.selected_alpn_protocol()}))
        except OSError as refused:  # ssl.SSLError is one
            print(refused, file=sys.stderr)


main(json.loads(sys.argv[1]))
