"""Connections that only sit there, or send a byte now and then, lock nobody out."""
import os
import socket
import threading
import time

from daemon import Shared, wait_for

PATIENCE = 20  # far above the 3 s a silent connection may keep a thread, far below what a blocked server would take


class Crowd(Shared):
    def connect(self, data=b""):
        s = socket.create_connection(("127.0.0.1", self.d.port), timeout=PATIENCE)
        self.addCleanup(s.close)
        if data:
            s.sendall(data)
        return s

    def test_96_idle_connections_are_no_hindrance(self):
        for _ in range(96):
            self.connect()
        self.assertEqual(self.d.request("GET", "/api/v1/runs", timeout=PATIENCE).status, 200)

    def test_more_than_there_are_threads(self):
        for _ in range(200):
            self.connect(b"GET /api/v1/runs HTTP/1.1\r\nHost:")
        self.assertEqual(self.d.request("GET", "/api/v1/runs", timeout=PATIENCE).status, 200)

    def ended(self, s, seconds):
        """Whether the server ends the connection."""
        s.settimeout(seconds)
        try:
            while s.recv(4096):
                pass
        except ConnectionResetError:
            pass
        except socket.timeout:
            return False
        return True

    def test_an_idle_connection_is_ended(self):
        self.assertTrue(self.ended(self.connect(), PATIENCE))

    def drip(self, head, byte):
        """Sends a byte ten times a second until the server ends the connection."""
        s, end = self.connect(head), time.monotonic() + PATIENCE
        answer = []
        reader = threading.Thread(target=lambda: answer.append(self.ended(s, PATIENCE)))
        reader.start()
        try:
            while reader.is_alive() and time.monotonic() < end:
                s.send(byte)
                reader.join(0.1)
        except (BrokenPipeError, ConnectionResetError):
            pass
        reader.join()
        self.assertEqual(answer, [True])

    def test_dripping_headers_are_ended(self):
        self.drip(b"GET /api/v1/runs HTTP/1.1\r\nX: ", b"x")

    def head(self, token, length):
        return (f"POST /api/v1/runs HTTP/1.1\r\nHost: 127.0.0.1:{self.d.port}\r\nAuthorization: Bearer {token}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n").encode()

    def test_a_dripping_body_is_ended(self):
        self.drip(self.head(self.d.token, 100000), b" ")

    def test_a_strangers_dripping_body_is_ended(self):
        self.drip(self.head("x" * 64, 100000), b" ")

    def test_a_body_in_pieces_arrives(self):
        body = b'{"target":"gil-contention","dry_run":true}'
        s = self.connect(self.head(self.d.token, len(body)))
        for i in range(len(body)):
            s.send(body[i:i + 1])
            time.sleep(0.01)
        self.assertTrue(s.recv(65536).startswith(b"HTTP/1.1 200 "))

    # ---- when there are many

    def lifetimes(self, n):
        """How long each of n connections lasts that sends a byte now and then; the shortest first."""
        ended, lock = [], threading.Lock()

        def one():
            s, begun = self.connect(b"GET /api/v1/runs HTTP/1.1\r\nX: "), time.monotonic()
            s.settimeout(0.1)
            try:
                while time.monotonic() - begun < PATIENCE:
                    try:
                        if not s.recv(4096):
                            break
                    except socket.timeout:
                        s.send(b"x")
            except OSError:
                pass
            with lock:
                ended.append(time.monotonic() - begun)
        threads = [threading.Thread(target=one) for _ in range(n)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return sorted(ended)

    def test_the_more_wait_the_less_long(self):
        alone, many = self.lifetimes(3), self.lifetimes(100)
        self.assertLess(many[50], alone[1] / 2)

    def test_those_that_say_nothing_take_no_thread(self):
        folder = f"/proc/{self.d.pid}/fd"
        self.assertEqual(self.d.request("GET", "/api/v1/health", token=False).status, 200)
        before = len(os.listdir(folder))
        for _ in range(60):
            self.connect()
        # who came after them is answered, so they have been passed over
        self.assertEqual(self.d.request("GET", "/api/v1/health", token=False).status, 200)
        self.assertLess(len(os.listdir(folder)), before + 30)
        for _ in range(60):
            self.connect(b"G")
        wait_for("threads for those that say something", PATIENCE, lambda: len(os.listdir(folder)) > before + 40)

    def test_a_request_that_is_served_is_not_hung_up(self):
        body = b'{"target":"gil-contention","dry_run":true}'
        crowd = threading.Thread(target=lambda: [self.lifetimes(90) for _ in range(4)])
        crowd.start()
        s, pieces = self.connect(self.head(self.d.token, len(body))), 0
        while crowd.is_alive() and pieces < len(body):
            s.send(body[pieces:pieces + 1])
            pieces += 1
            crowd.join(0.05)
        s.sendall(body[pieces:])
        self.assertTrue(s.recv(65536).startswith(b"HTTP/1.1 200 "))
        crowd.join()

    def test_clients_that_do_not_read_their_answers(self):
        request = (f"GET /api/v1/openapi.json HTTP/1.1\r\nHost: 127.0.0.1:{self.d.port}\r\n"
                   f"Authorization: Bearer {self.d.token}\r\n\r\n").encode()
        for _ in range(150):
            self.connect(request)
        self.assertEqual(self.d.request("GET", "/api/v1/runs", timeout=PATIENCE).status, 200)
