"""A chat completions endpoint on this machine, over real HTTP: it follows a script, and then a simple rule.

python -m tests.chat      prints its address, for OPENAI_BASE_URL, and answers by the rule until it is killed
"""

import json
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Chat:
    """asked: the bodies of all requests, with path and key. script: what the next ones are answered with: a
    status, (status, headers), the content of a message, a whole body (a dict), or HANG; where it is empty,
    `rule` answers."""

    HANG = object()

    def __init__(self):
        self.asked, self.script, self.seed, self.number = [], [], 0, 0
        self.closed = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def restart(self, seed=0):
        """Answer by rule as at the first request."""
        self.seed, self.number = seed, 0

    def close(self):
        self.closed.set()
        self.server.shutdown()
        self.server.server_close()

    def rule(self, body):
        """The best design with two slots drawn anew, or all where there is none: no two answers are alike,
        even to the same request."""
        told = json.loads(body["messages"][1]["content"])
        draw = random.Random(f"{self.seed} {self.number}")
        self.number += 1
        designs = []
        for _ in range(told["designs_wanted"]):
            changed = {slot: draw.choice(names) for slot, names in told["slots"].items()}
            if told["best"]:
                kept = dict(told["best"][0]["design"])
                some = draw.sample(sorted(kept), min(2, len(kept)))
                changed = kept | {slot: changed[slot] for slot in some}
            designs.append(changed)
        return json.dumps({"designs": designs})

    def handler(chat):  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                chat.asked.append({"path": self.path, "key": self.headers.get("Authorization"), **body})
                step = chat.script.pop(0) if chat.script else chat.rule(body)
                if step is Chat.HANG:
                    chat.closed.wait(20)
                    return
                if isinstance(step, dict):
                    self.answer(200, {}, json.dumps(step))
                elif isinstance(step, str):
                    message = {"role": "assistant", "content": step}
                    self.answer(200, {}, json.dumps({"choices": [{"index": 0, "message": message}]}))
                else:
                    status, headers = step if isinstance(step, tuple) else (step, {})
                    self.answer(status, headers, "not now")

            def answer(self, status, headers, text):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        return Handler


if __name__ == "__main__":
    print(Chat().url, flush=True)
    threading.Event().wait()
