"""What goes wrong with the files: keys, certificates, configuration. After each the gateway has said so, and after its end it has recovered."""

import json
import os
import signal
import ssl
import time

from .faults import NOTICED, Disturbance, metric, spoil
from .store import FORGOTTEN
from .wire import Line, ask

SETTLED = 10


class House(Disturbance):
    def __init__(self, stage, chance):
        super().__init__(stage, chance, (0.2, 2))
        self.house = stage.house

    def acts(self):
        return [self.mount_rotated, self.file_rotated, self.mount_broken, self.file_broken, self.certificate_swapped, self.certificate_broken,
                self.configuration_broken, self.configuration_changed, self.keys_rotated_while_the_configuration_is_broken]

    # What is right: it is in force within seconds.

    def mount_rotated(self):
        self.rotate("mount")

    def file_rotated(self):
        self.rotate("file")

    def rotate(self, ring):
        """Add the new key, sign with it, remove the old one. From then on the old one is a stranger's."""
        old, new = self.house.signing[ring], self.house.new_key()
        self.house.write_ring(ring, [old, new])
        self.until(f"{new[0]} is loaded", lambda: new[0] in self.keys(ring))
        self.exchange(ring, old, new)

    def exchange(self, ring, old, new):
        self.house.signing[ring] = new
        load = self.stage.load
        self.until(f"nobody signs with {old[0]}", lambda: old not in list(load.using.values()))
        self.house.write_ring(ring, [new])
        self.until(f"{old[0]} is gone", lambda: old[0] not in (self.keys(ring) or [old[0]]))
        self.house.retired = [*self.house.retired[-20:], (ring, *old)]

    def certificate_swapped(self):
        fresh = self.chance.choice([number for number in range(3) if number not in self.house.shown])
        self.house.write_pair(fresh)
        self.until("the new certificate is shown", lambda: self.shown() == fresh)
        self.house.shown = {fresh}

    def configuration_changed(self):
        self.house.generation += 1
        self.house.configure()
        self.nudge()
        # Answers of the upstream tell, and there are none while the store has lost its memory.
        patience = NOTICED + (FORGOTTEN if self.stage.store else 0)
        self.until("the new configuration is in force", lambda: self.stage.load.generation == str(self.house.generation), patience)

    # What is wrong: the last good state serves on, and it is said that something is wrong.

    def mount_broken(self):
        ident, secret = self.house.signing["mount"]
        mount = self.house.mount
        bad = self.chance.choice(["empty", "mark", "directory", "gone"])
        if bad == "gone":
            mount.point("..nowhere")
        else:
            content = {"empty": b"", "mark": b"\xef\xbb\xbf" + secret.encode(), "directory": None}[bad]
            mount.swap({ident: secret.encode(), f"{ident}-b": content})
        self.noticed_and_mended(f"mount: {bad}", lambda: self.house.write_ring("mount", [(ident, secret)]))

    def file_broken(self):
        key, path = self.house.signing["file"], self.house.file
        bad = self.chance.choice(["cut", "garbage", "deleted", "directory", "fifo", "empty"])
        whole = path.read_bytes()
        if bad in ("cut", "garbage", "empty"):
            # Written in place, as a careless program does. A secret that is cut is in quotes, so the file cannot be read as another one.
            path.write_bytes({"cut": whole[:-20], "garbage": os.urandom(500), "empty": b""}[bad])
        else:
            path.unlink()
            {"deleted": lambda: None, "directory": path.mkdir, "fifo": lambda: os.mkfifo(path, 0o600)}[bad]()
        self.noticed_and_mended(f"key file: {bad}", lambda: self.house.write_ring("file", [key]))

    def certificate_broken(self):
        shown = next(iter(self.house.shown))
        other = (shown + 1) % 3
        bad = self.chance.choice(["mismatched", "garbage", "empty", "gone"])
        if bad == "mismatched":
            self.house.write_pair(other, key_of=shown)
        elif bad == "gone":
            self.house.tls.point("..nowhere")
        else:
            self.house.tls.swap({"tls.crt": os.urandom(300) if bad == "garbage" else b"", "tls.key": self.house.pairs[other][1]})
        self.noticed_and_mended(f"certificate: {bad}", lambda: self.house.write_pair(shown), lambda: self.shown() in (shown, None))

    def configuration_broken(self):
        self.house.configure(lambda text: spoil(self.chance, text))
        self.nudge()
        self.noticed_and_mended("configuration", self.house.configure)

    def keys_rotated_while_the_configuration_is_broken(self):
        """They wait for it: nothing is taken in halves."""
        old, new = self.house.signing["mount"], self.house.new_key()
        self.house.configure(lambda text: spoil(self.chance, text))
        self.until("the configuration is bad", lambda: self.good() == 0)
        self.house.write_ring("mount", [old, new])
        self.rest(0.5, 1.5)
        if new[0] in (self.keys("mount") or []):
            self.findings.append(f"{new[0]} came in beside a bad configuration")
        self.house.configure()
        self.until(f"{new[0]} is loaded", lambda: new[0] in (self.keys("mount") or []))
        self.exchange("mount", old, new)

    def noticed_and_mended(self, what, mend, holds=lambda: True):
        self.until(f"{what} is said", lambda: self.good() == 0)
        self.rest(0.3, 2)
        if not holds():
            self.findings.append(f"{what}: the last good state is not in force")
        self.stage.look_for_secrets("GET /status", ask(self.house.ports["admin"], "GET", "/status")[1].encode())
        self.stage.check_configuration()
        mend()
        self.nudge()
        self.until(f"{what} is over", lambda: self.good() == 1)

    def nudge(self):
        """Sometimes the watching finds it, sometimes an operator says it."""
        choice = self.chance.randrange(3)
        if choice == 1:
            self.stage.gateway.send_signal(signal.SIGHUP)
        elif choice == 2:
            ask(self.house.ports["admin"], "POST", "/reload")

    def until(self, what, holds, patience=NOTICED):
        deadline = time.monotonic() + patience
        while not holds():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {patience} s: {what}")
            time.sleep(0.05)

    def good(self):
        return metric(self.house.ports["health"], "countersign_last_reload_successful")

    def keys(self, ring):
        """Ids of a ring as the gateway tells them; empty where it does not answer."""
        status, text = ask(self.house.ports["admin"], "GET", "/keys")
        rings = json.loads(text)["keyrings"] if status == 200 else []
        return [key["id"] for found in rings if found["name"] == ring for key in found["keys"]]

    def shown(self):
        """Which certificate a new handshake gets; None where none came about."""
        line = Line(self.house.ports["tls"], self.house.trust())
        try:
            line.send(b"")
            return self.house.pair_of(line.socket.getpeercert(binary_form=True))
        except (OSError, ssl.SSLError):
            return None
        finally:
            line.close()
