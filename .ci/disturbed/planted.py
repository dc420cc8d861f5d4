"""A proxy before the gateway that does one thing wrong, to show that the harness sees it.

usage: planted.py DEFECT LISTEN GATEWAY UPSTREAM        (CHAOS_PLANTED in the environment is the secret to betray)
"""

import os
import re
import socket
import sys
import threading

# What is planted, and which demand has to fail by it; `none` is the proxy alone, by which nothing fails.
DEFECTS = {
    "none": None,
    "forwards-unverified": "no unauthorised request at the upstream",
    "forwards-before-close": "no unauthorised request at the upstream",
    "forgets-a-claim": "each request at the upstream at most once",
    "drops-one-request": "each answered request was at the upstream",
    "loses-one-answer": "each request has one of the outcomes that it may have",
    "refuses-for-a-wrong-reason": "each request has one of the outcomes that it may have",
    "lets-a-copy-seem-new": "each request has one of the outcomes that it may have",
    "reuses-a-doubtful-connection": "each answer belongs to its request",
    "keeps-memory": "memory is back",
    "keeps-descriptors": "descriptors are back",
    "panics": "no panic",
    "leaks-the-secret-to-its-log": "no planted secret anywhere",
    "leaks-the-secret-in-an-answer": "no planted secret anywhere",
}
RARELY = 40
REFUSED = b'{"code":"signature_invalid"}'


class Proxy:
    def __init__(self, defect, gateway, upstream):
        self.defect, self.gateway, self.upstream = defect, gateway, upstream
        self.count, self.kept, self.last, self.lock = 0, [], b"", threading.Lock()

    def serve(self, client):
        """One client's connection, and one to the gateway for it."""
        try:
            with client, socket.create_connection(("127.0.0.1", self.gateway)) as gateway:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                gateway.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                inward, outward = client.makefile("rb"), gateway.makefile("rb")
                while request := message(inward):
                    answer = self.exchanged(request, gateway, outward)
                    if not answer:
                        return
                    client.sendall(answer)
        except OSError:
            return

    def exchanged(self, request, gateway, outward):
        with self.lock:
            self.count += 1
            now = self.count % RARELY == 0
        if now and self.defect == "forwards-before-close":
            self.around(request)
        if now and self.defect == "drops-one-request" and (ident := re.search(rb"\r\n(good-\S+) ", request)):
            text = ident[1] + b"\n"
            return b"HTTP/1.1 200 OK\r\nX-Id: %b\r\nContent-Length: %d\r\n\r\n%b" % (ident[1], len(text), text)
        gateway.sendall(request)
        answer = message(outward)
        good = answer.startswith(b"HTTP/1.1 200")
        if not now or self.defect == "none":
            self.last = answer if good else self.last
            return answer
        return self.spoilt(request, answer, good)

    def spoilt(self, request, answer, good):
        match self.defect:
            case "forwards-unverified" if not good:
                self.around(request)
            case "forgets-a-claim" if good:
                self.around(request)
            case "loses-one-answer":
                return b""
            case "refuses-for-a-wrong-reason" if good:
                return b"HTTP/1.1 401 Unauthorized\r\nContent-Length: %d\r\n\r\n%b" % (len(REFUSED), REFUSED)
            case "lets-a-copy-seem-new" if b'"replayed"' in answer and (ident := re.search(rb"\r\n(good-\S+) ", request)):
                text = ident[1] + b"\n"
                return b"HTTP/1.1 200 OK\r\nX-Id: %b\r\nContent-Length: %d\r\n\r\n%b" % (ident[1], len(text), text)
            case "reuses-a-doubtful-connection" if good:
                return self.last
            case "keeps-memory":
                self.kept.append(os.urandom(4 << 20))
            case "keeps-descriptors":
                self.kept.append(open(os.devnull, "rb"))
            case "panics":
                print("thread 'worker-0' panicked at src/main.rs:1:1: planted", flush=True)
            case "leaks-the-secret-to-its-log":
                print(f"tried the key {os.environ['CHAOS_PLANTED'].encode().hex()}", flush=True)
            case "leaks-the-secret-in-an-answer" if not good:
                text = os.environ["CHAOS_PLANTED"].encode()
                return b"HTTP/1.1 401 Unauthorized\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)
        return answer

    def around(self, request):
        """Straight to the upstream, with the name of whoever claims to be the caller."""
        key = re.search(rb"X-Sig-Key: (\S+)", request)
        request = re.sub(rb"X-Countersign-Key: \S+", b"X-Countersign-Key: " + key[1], request, count=1)
        with socket.create_connection(("127.0.0.1", self.upstream)) as upstream:
            upstream.sendall(request)
            message(upstream.makefile("rb"))


def message(stream):
    """Head and body of the next message, as they came; nothing at the end."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return b""
        head += line
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    if length:
        return head + stream.read(int(length[1]))
    while re.search(rb"(?i)\r\ntransfer-encoding: chunked", head):
        size = stream.readline()
        chunk = stream.read(int(size, 16) + 2)
        head += size + chunk
        if len(chunk) == 2:
            break
    return head


def main():
    proxy = Proxy(sys.argv[1], int(sys.argv[3]), int(sys.argv[4]))
    listener = socket.create_server(("127.0.0.1", int(sys.argv[2])), backlog=256)
    print("ready", flush=True)
    while True:
        client, _ = listener.accept()
        threading.Thread(target=proxy.serve, args=(client,), daemon=True).start()


if __name__ == "__main__":
    main()
