"""What the torture tests share: a small world of input, runs of sluice over it with a fault,
and what has to hold afterwards.

The promise: whatever fails, sluice neither dies nor hangs; it says what happened or comes
through; and an undisturbed run over what was left behind ends in the graph and the dead
letters of a run that nobody disturbed.
"""
import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

top = os.environ.get("top_srcdir", os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..")))
build = os.environ.get("top_builddir", os.getcwd())
full = os.environ.get("SLUICE_TORTURE") == "full"
program = os.path.join(build, "sluice")
me = os.path.basename(sys.argv[0])
REPORTS = ("AddressSanitizer", "LeakSanitizer", "runtime error:", "ThreadSanitizer", "Assertion", "corrupt")


def say(text):
    print(f"{me}: {text}", flush=True)


def skip(why):
    say(f"skipped: {why}")
    sys.exit(77)


def sanitized():
    """Whether the program was built with a sanitizer that has an allocator of its own."""
    with open(program, "rb") as f:
        data = f.read()
    return b"__asan_init" in data or b"__tsan_init" in data


class World:
    def __init__(self):
        # Nothing here is about a slow disk: memory, if there is some.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.dir = tempfile.mkdtemp(prefix="sluice-torture.", dir=os.environ.get("TMPDIR", memory))
        self.input = os.path.join(self.dir, "in")
        self.config = os.path.join(top, "tests", "torture", "torture.yaml")
        self.defects = []
        self.tried = 0
        self.hurt = 0
        os.mkdir(self.input)
        write_input(self.input)
        self.quiet = self.folder("quiet")
        done = self.run(self.quiet, ["run", "-c", self.config, "--json"])
        if done.returncode != 0:
            self.end(f"the undisturbed run fails: {done.stderr}")
        self.truth = self.outcome(self.quiet)
        self.check_truth(json.loads(done.stdout))

    def check_truth(self, report):
        """The world must hold something of everything, or the test would prove little."""
        reasons = {r for p in report["pipelines"] for part in ("gated_by", "dead_by") for r in p[part]}
        want = {"not_listed", "digital", "bad_json", "too_large", "bad_time", "bad_csv"}
        if not want <= reasons:
            self.end(f"the world lacks {sorted(want - reasons)}: {reasons}")

    def end(self, why):
        print(f"{me}: FAILED: {why}")
        self.clean()
        sys.exit(1)

    def clean(self):
        if os.environ.get("SLUICE_KEEP"):
            say(f"kept {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def folder(self, name):
        path = os.path.join(self.dir, name)
        os.mkdir(path)
        return path

    def environment(self, out, more=None):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("FAULT_", "LD_PRELOAD", "SLUICE_"))}
        plugins = os.path.join(build, "plugins")
        env["SLUICE_PLUGIN_PATH"] = ":".join(
            d for d in (os.path.join(plugins, p, ".libs") for p in sorted(os.listdir(plugins))) if os.path.isdir(d))
        env["SLUICE_TEMPLATE_DIR"] = os.path.join(top, "include", "template")
        env["FAULT_IN"], env["FAULT_OUT"] = self.input, out
        env.update(more or {})
        return env

    def run(self, out, arguments, more=None, before=(), seconds=60, stop=False, **options):
        """One process to its end; killed and marked so if it hangs. stop: SIGTERM first, as an outage may last."""
        command = [*before, program, *arguments]
        process = subprocess.Popen(command, env=self.environment(out, more), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                                   start_new_session=True, **options)
        hung = stopped = False
        try:
            if stop:
                try:
                    stdout, stderr = process.communicate(timeout=seconds)
                except subprocess.TimeoutExpired:
                    stopped = True
                    os.killpg(process.pid, signal.SIGTERM)
            stdout, stderr = process.communicate(timeout=20 if stop else seconds)
        except subprocess.TimeoutExpired:
            hung = True
            os.killpg(process.pid, signal.SIGKILL)
            stdout, stderr = process.communicate()
        done = subprocess.CompletedProcess(command, process.returncode, stdout, stderr)
        done.hung, done.stopped = hung, stopped
        return done

    def outcome(self, out):
        """The graph, the dead letters and the file: all that a run leaves for others."""
        audit = self.run(out, ["audit", "--fingerprint", "-c", self.config])
        dlq = self.run(out, ["dlq", "list", "--json", "-c", self.config])
        if audit.returncode != 0 or dlq.returncode != 0:
            return f"cannot be read: {audit.stderr}{dlq.stderr}"
        letters = [(x["pipeline"], x["step"], x["stage"], x["lane"], x["position"], x["ordinal"], x["reason"],
                    x["size"]) for x in json.loads(dlq.stdout)["letters"]]
        with open(os.path.join(out, "lines.jsonl"), encoding="utf-8") as f:
            lines = f.read().splitlines()
        # A file sink is at least once: a line may be there twice, never half, and none may lack.
        return json.dumps([audit.stdout, sorted(letters), sorted(set(lines))], indent=1)

    # --- judging -----------------------------------------------------------------------------

    def defect(self, point, what, done=None):
        text = f"{point}: {what}"
        if done is not None:
            text += f"\n    exit {done.returncode}\n    " + "\n    ".join((done.stdout[-600:] + done.stderr[-2500:]).splitlines()[-14:])
        self.defects.append(text)
        print(f"{me}: DEFECT {text}", flush=True)

    def judge(self, point, done, ok_codes=(0, 1), killed=False):
        """What holds for any command after any fault; True if it does."""
        before = len(self.defects)
        if done.hung:
            self.defect(point, "hangs", done)
        elif killed and done.returncode in (-9, 137):
            pass
        elif done.returncode < 0 or done.returncode > 128:
            self.defect(point, "died of a signal", done)
        elif done.returncode == 127 and "loading shared libraries" in done.stderr:
            pass  # the loader's own words, before there is a program
        elif done.returncode not in ok_codes:
            self.defect(point, f"exit code {done.returncode}", done)
        elif (done.returncode == 1 or done.stopped) and not told(done):
            self.defect(point, "fails without a word", done)
        if any(r in done.stderr for r in REPORTS):
            self.defect(point, "sanitizer report", done)
        return len(self.defects) == before

    def disturbed_run(self, point, more=None, before=(), killed=False, **options):
        """A run with a fault, judged; then a clean one, which must reach the truth."""
        name = "".join(c if c.isalnum() else "-" for c in point)
        out = self.folder(name)
        done = self.run(out, ["run", "-c", self.config, "--json"], more, before, **options)
        good = self.judge(point, done, killed=killed)
        self.tried += 1
        if done.returncode == 0 and not done.stopped:
            got = self.outcome(out)
            if got != self.truth:
                good = False
                self.defect(point, "success is claimed, but: " + difference(self.truth, got), done)
        else:
            self.hurt += 1
            again = self.run(out, ["run", "-c", self.config, "--json"])
            got = self.outcome(out)
            if again.returncode != 0:
                good = False
                self.defect(point, "the clean run afterwards fails", again)
            elif got != self.truth:
                good = False
                self.defect(point, "after a clean run: " + difference(self.truth, got), done)
        if good or not os.environ.get("SLUICE_KEEP"):
            shutil.rmtree(out, ignore_errors=True)
        return done

    def finish(self, what):
        self.clean()
        if self.defects:
            print(f"{me}: FAILED: {len(self.defects)} defects at {self.tried} points")
            sys.exit(1)
        say(what)


def told(done):
    """A failure is told in words: an error line of ours, not only usage or nothing."""
    text = (done.stderr + done.stdout).lower()
    return any(w in text for w in ("error", "sluice", "memory", "level=warn"))


def difference(expected, got):
    a, b = expected.splitlines(), got.splitlines()
    lost = [x.strip() for x in a if x not in b][:4]
    new = [x.strip() for x in b if x not in a][:4]
    return f"lacks {lost}, has {new}"


def sample(n, of, seed=20):
    """n numbers of 1…of, one from each of n equal parts, in an order that covers it all early."""
    if full or n >= of:
        points = list(range(1, of + 1))
    else:
        rng = random.Random(seed)
        points = [1 + int((i + rng.random()) * of / n) for i in range(n)]
    random.Random(seed).shuffle(points)
    return points


def each(points, fn, seconds):
    """fn for each point, two at a time, as long as there is time; how many were done."""
    deadline = time.monotonic() + (8 * 3600 if full else seconds)
    done = [0]

    def one(point):
        if time.monotonic() < deadline:
            fn(point)
            done[0] += 1

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, points))
    return done[0]


# --- the input -----------------------------------------------------------------------------------

def write_input(where):
    product = [f"{i:08x}-1111-4222-8333-444455556666" for i in range(1, 9)]
    lines = []

    def receipt(i, **change):
        m = {"receipt_id": f"r{i}", "user_id": f"u{i % 5}", "status": "FINISHED",
             "purchased_at": f"2025-03-{1 + i % 28:02d}T10:00:00Z", "store_name": f"Store {i % 3}",
             "items": [{"fido": product[(i + k) % 8], "description": f"thing {i + k}", "quantity": 1 + k} for k in range(2)]}
        m.update(change)
        return json.dumps(m).encode()

    for i in range(20):
        lines.append(receipt(i))
    lines.insert(3, receipt(1))  # a duplicate
    lines.insert(5, b'{"user_id":"u1", "receipt_id')
    lines.insert(6, b"\xff\xfe<html>")
    lines.insert(8, receipt(30, digital_receipt_data={"a": 1}))
    lines.insert(9, receipt(31, user_id="stranger"))
    lines.insert(11, receipt(32, ocr_text="x" * 9000))
    lines.insert(12, receipt(33, purchased_at="yesterday"))
    lines.insert(14, receipt(34, items="none"))
    lines.insert(15, receipt(35, ocr_text="y" * 1_200_000))
    with open(os.path.join(where, "receipts.jsonl"), "wb") as f:
        f.write(b"\n".join(lines))  # and no end of the last line
    rows = ["household,basket,bought,store,product"]
    for i in range(16):
        rows.append(f"h{i % 4},b{i},2025-04-{1 + i:02d}T08:00:00Z,\"Store, {i % 2}\",p{i % 6}")
    rows.insert(7, "h1,b1,too few")
    rows.insert(9, "h1,b99,never,Store,p1")
    with open(os.path.join(where, "rows.csv.gz"), "wb") as f:
        with gzip.GzipFile(fileobj=f, mode="wb", mtime=0, filename="") as z:
            z.write(("\n".join(rows) + "\n").encode())
    with open(os.path.join(where, "users.txt"), "w", encoding="utf-8") as f:
        f.write("u0\nu1\nu2\nu3\nu4\n")
    with open(os.path.join(where, "products.csv"), "w", encoding="utf-8") as f:
        f.write("id,name,brand,category,category_id\n")
        for i, p in enumerate(product[:6]):
            f.write(f"{p},Thing {i},Brand {i % 2},Group {i % 3},{100 + i % 3 if i % 2 else ''}\n")
