"""A class on a real JupyterHub, from the assignment to the feedback; `test_hub_cycle.py` starts it, nobody imports it.

It runs in namespaces of its own (mounts, processes, network): the accounts exist in there only, all files lie in
memory, the only network is 127.0.0.1, and when this program ends, the kernel ends all that it started.
Real are the hub, its proxy, its log-in (by a common password), one single-user server a person under a uid of their
own, nbgrader's server extensions, the exchange and its permissions.

Usage: hub_cycle.py FOLDER PLAN; FOLDER is empty, PLAN is JSON; what happened is printed as one line of JSON.
"""

import grp
import json
import os
import pwd
import re
import select
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
import websocket

HUB = "http://127.0.0.1:8000"
PASSWORD = "a class on one machine"
LECTURER = "lecturer"
FIRST_UID = 61001
DEADLINE = 300  # seconds; with a machine of two processors for itself it takes about one minute

# What the test adds to the settings of the page: where all lies, and a log-in without the machine's passwords.
MORE_CONFIG = """
c.JupyterHub.bind_url = "http://127.0.0.1:8000"
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/cookie"
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = "{password}"
c.ConfigurableHTTPProxy.command = ["{proxy}"]
c.ConfigurableHTTPProxy.pid_file = "{folder}/proxy.pid"
c.Spawner.environment["JUPYTER_CONFIG_PATH"] = "{folder}/etc"
c.Spawner.environment["PYTHONDONTWRITEBYTECODE"] = "1"
c.Spawner.environment["MPLCONFIGDIR"] = "{folder}/mpl"
c.Spawner.http_timeout = 150
c.Spawner.start_timeout = 150
"""


def run(*words, **options):
    return subprocess.run([str(word) for word in words], check=True, **options)


def open_the_way(folder, *needed):
    """Let other accounts reach Python and this package where a folder above them is closed, such as root's home.

    The closed folder is covered by an empty one, with what is needed in its place: in this namespace only.
    """
    found = {Path(path).resolve() for path in needed}
    closed = {up for path in found for up in path.parents if not up.stat().st_mode & 0o001}
    for closed_one in sorted(up for up in closed if not any(other in up.parents for other in closed)):
        inside = sorted(path for path in found if closed_one in path.parents)
        kept = [path for path in inside if not any(other in path.parents for other in inside)]
        beside = folder / "kept"
        for number, path in enumerate(kept):
            (beside / str(number)).mkdir(parents=True, exist_ok=True)
            run("mount", "--bind", path, beside / str(number))
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", closed_one)
        for number, path in enumerate(kept):
            path.mkdir(parents=True)
            run("mount", "--move", beside / str(number), path)


def accounts(folder, names):
    """Accounts that exist in this namespace only."""
    users = Path("/etc/passwd").read_text(encoding="utf-8")
    groups = Path("/etc/group").read_text(encoding="utf-8")
    for uid, name in enumerate(names, FIRST_UID):
        home = folder / "home" / name
        home.mkdir(parents=True)
        users += f"{name}:x:{uid}:{uid}::{home}:/bin/sh\n"
        groups += f"{name}:x:{uid}:\n"
        os.chown(home, uid, uid)
        home.chmod(0o700)
    for text, place in ((users, "/etc/passwd"), (groups, "/etc/group")):
        made = folder / Path(place).name
        made.write_text(text, encoding="utf-8")
        run("mount", "--bind", made, place)
    assert {pwd.getpwnam(name).pw_name for name in names} == set(names)
    assert all(grp.getgrnam(name) for name in names)


def page_blocks(folder, plan):
    """The commands and settings of the lecturer's page, with this machine's folders in place of the page's."""
    places = {
        "/opt/jupyter/bin": str(Path(sys.executable).parent),
        "/opt/svcnotes": plan["package"],
        "/srv/nbgrader/exchange": str(folder / "exchange"),
        "/etc/jupyter": str(folder / "etc"),
    }
    text = plan["page"].replace("/etc/jupyterhub/", "")
    for place, here in places.items():
        assert place in text, place
        text = text.replace(place, here)
    return re.findall(r"^```(?:python)?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def as_account(name, commands):
    """Run shell commands as somebody, from their home."""
    account = pwd.getpwnam(name)
    run(
        *("bash", "-e", "-c", commands),
        cwd=account.pw_dir,
        env={"HOME": account.pw_dir, "PATH": os.environ["PATH"], "USER": name, "LANG": "C.UTF-8"},
        user=account.pw_uid,
        group=account.pw_gid,
        extra_groups=[],
        stdout=sys.stderr,
    )


def until(ready, what, deadline):
    while time.monotonic() < deadline:
        found = ready()
        if found:
            return found
        time.sleep(0.1)
    raise TimeoutError(what)


class Person:
    """Somebody's browser: logged in by the hub's form, with a server of their own."""

    def __init__(self, name, deadline):
        self.name, self.deadline = name, deadline
        self.base = f"{HUB}/user/{name}"
        self.session = requests.Session()
        self.session.get(f"{HUB}/hub/login", timeout=60)
        form = {
            "username": name,
            "password": PASSWORD,
            "_xsrf": self.session.cookies.get("_xsrf", path="/hub/"),
        }
        reply = self.session.post(f"{HUB}/hub/login", data=form, timeout=60, allow_redirects=False)
        assert reply.status_code == 302, reply.text
        assert reply.headers["location"].startswith("/hub/"), reply.headers
        made = self.session.post(
            f"{HUB}/hub/api/users/{name}/tokens",
            params={"_xsrf": self.session.cookies.get("_xsrf", path="/hub/")},
            headers={"Referer": f"{HUB}/hub/token"},
            timeout=60,
        )
        made.raise_for_status()
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"token {made.json()['token']}"

    def start(self):
        self.session.post(f"{HUB}/hub/api/users/{self.name}/server", timeout=150).raise_for_status()

    def wait(self):
        def ready():
            reply = self.session.get(f"{HUB}/hub/api/users/{self.name}", timeout=60)
            return reply.json()["servers"].get("", {}).get("ready")

        until(ready, f"the server of {self.name}", self.deadline)

    def ask(self, method, path, **options):
        reply = self.session.request(method, f"{self.base}/{path}", timeout=150, **options)
        assert reply.ok, f"{self.name}: {method} {path}: {reply.status_code} {reply.text[:2000]}"
        return reply.json() if reply.content else None

    def assignments(self, action, course, assignment):
        found = self.ask(
            "POST", f"assignments/{action}", json={"course_id": course, "assignment_id": assignment}
        )
        assert found["success"], f"{self.name}: {action}: {found['value']}"
        return found["value"]

    def lecture(self, assignment, action):
        found = self.ask("POST", f"formgrader/api/{assignment}/{action}")
        assert found.get("success", True), f"{action}: {found}"
        return found

    def runs(self, *sources):
        """What cells print in a kernel of this person's."""
        kernel = self.ask("POST", "api/kernels")["id"]
        socket = websocket.create_connection(
            f"{self.base.replace('http', 'ws')}/api/kernels/{kernel}/channels",
            header=[f"Authorization: {self.session.headers['Authorization']}"],
            timeout=150,
        )
        said = [self.run(socket, source) for source in sources]
        socket.close()
        self.ask("DELETE", f"api/kernels/{kernel}")
        return said

    def run(self, socket, source):
        header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "username": self.name}
        header |= {"session": uuid.uuid4().hex, "version": "5.4", "date": "2026-01-01T00:00:00Z"}
        content = {"code": source, "silent": False, "store_history": True, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        socket.send(json.dumps(message | {"channel": "shell", "buffers": []}))
        printed = ""
        while True:
            heard = json.loads(socket.recv())
            if heard["parent_header"].get("msg_id") != header["msg_id"]:
                continue
            content = heard["content"]
            assert heard["msg_type"] != "error", f"{self.name}: {content}"
            printed += content["text"] if heard["msg_type"] == "stream" else ""
            if heard["msg_type"] == "status" and content["execution_state"] == "idle":
                return printed


def prepare(folder, plan):
    """The machine as its administrator and the lecturer set it up, by the words of the lecturer's page."""
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder)
    run("ip", "link", "set", "lo", "up")
    open_the_way(folder, sys.prefix, sys.base_prefix, plan["package"])
    accounts(folder, [LECTURER, *plan["students"]])
    (folder / "mpl").mkdir()
    (folder / "mpl").chmod(0o777)
    _, exchange, settings, lecturer, administrator, *_ = page_blocks(folder, plan)
    run("bash", "-e", "-c", exchange)
    as_account(LECTURER, lecturer)
    run("bash", "-e", "-c", administrator)
    everywhere = folder / "etc" / "nbgrader_config.py"
    given = everywhere.read_text(encoding="utf-8")
    assert "/srv/nbgrader/exchange" in given
    everywhere.write_text(given.replace("/srv/nbgrader/exchange", str(folder / "exchange")), encoding="utf-8")
    more = MORE_CONFIG.format(folder=folder, password=PASSWORD, proxy=plan["proxy"])
    (folder / "jupyterhub_config.py").write_text(settings + more, encoding="utf-8")


# An account's number, and whether it can look into the others' homes.
WHO_AND_WHERE = """
import os
from pathlib import Path
homes = [home for home in Path.home().parent.iterdir() if home != Path.home()]
print(os.getuid(), len(homes), sum(os.access(home, os.R_OK | os.X_OK) for home in homes))
"""


def hand_in(student, plan):
    """A student's part: fetch, run the answer cells, write the answers, submit."""
    course, assignment = plan["course"], plan["assignment"]
    listed = student.ask("GET", "assignments", params={"course_id": course})["value"]
    assert [one["assignment_id"] for one in listed] == [assignment]
    student.assignments("fetch", course, assignment)
    path = f"api/contents/{assignment}/{plan['notebook']}.ipynb"
    model = student.ask("GET", path)
    asked = [f"%%answer {exercise}\n???" for exercise in plan["students"][student.name]]
    said = student.runs("import svcnotes\n%student " + course + " ???", *asked, WHO_AND_WHERE)
    for cell in model["content"]["cells"]:
        for exercise, answer in plan["students"][student.name].items():
            if cell["cell_type"] == "code" and cell["source"].startswith(f"%%answer {exercise}\n"):
                cell["source"] = answer
    student.ask("PUT", path, json=model)
    student.assignments("submit", course, assignment)
    return said


def feedback_of(student, plan):
    """The page that a student fetches and opens."""
    listed = student.assignments("fetch_feedback", plan["course"], plan["assignment"])
    submitted = next(one for one in listed if one["status"] == "submitted")
    path = submitted["submissions"][-1]["local_feedback_path"]
    return student.ask("GET", f"api/contents/{path}/{plan['notebook']}.html")["content"]


def cycle(folder, plan, deadline):
    """The whole class."""
    start, took = time.monotonic(), {}
    people = {name: Person(name, deadline) for name in (LECTURER, *plan["students"])}
    for person in people.values():
        person.start()
    for person in people.values():
        person.wait()
    took["started"] = time.monotonic() - start
    lecturer = people.pop(LECTURER)
    at = f"assignment/{plan['assignment']}"
    lecturer.lecture(at, "assign")
    lecturer.lecture(at, "release")
    took["released"] = time.monotonic() - start
    with ThreadPoolExecutor() as pool:
        said = dict(zip(people, pool.map(lambda one: hand_in(one, plan), people.values()), strict=True))
    took["handed in"] = time.monotonic() - start
    mark = page_blocks(folder, plan)[6]
    (ours,) = lecturer.runs(
        f"import subprocess\n"
        f"done = subprocess.run(['bash', '-e', '-c', {mark!r}], cwd={plan['course']!r}, capture_output=True, text=True)\n"
        f"print(done.stdout, done.stderr[-2000:] if done.returncode else '')\n"
        f"print(open({plan['course'] + '/marks/results.json'!r}).read())"
    )
    took["marked"] = time.monotonic() - start
    for name in people:
        lecturer.lecture(f"submission/{plan['assignment']}/{name}", "autograde")
    lecturer.lecture(at, "generate_feedback")
    lecturer.lecture(at, "release_feedback")
    graded = lecturer.ask("GET", f"formgrader/api/submissions/{plan['assignment']}")
    took["graded"] = time.monotonic() - start
    return {
        "said": said,
        "marks": {
            one["student"]: [one["score"], one["max_score"], one["needs_manual_grade"]] for one in graded
        },
        "feedback": {name: feedback_of(student, plan) for name, student in people.items()},
        "ours": ours,
        "took": took,
    }


def end_with_the_starter():
    """End when the starter is gone (its pipe closes) or the time is up; the kernel then ends all of this namespace."""
    closed, _, _ = select.select([sys.stdin], [], [], DEADLINE)
    os.write(2, b"" if closed else f"The class took longer than {DEADLINE} seconds.".encode())
    os._exit(3)


def main(folder, plan):
    threading.Thread(target=end_with_the_starter, daemon=True).start()
    deadline = time.monotonic() + DEADLINE
    prepare(folder, plan)
    log = folder / "hub.log"
    with log.open("wb") as out:
        hub = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", folder / "jupyterhub_config.py"],
            cwd=folder,
            stdout=out,
            stderr=out,
        )
        try:

            def up():
                assert hub.poll() is None, "the hub has ended"
                try:
                    return requests.get(f"{HUB}/hub/health", timeout=5).ok
                except requests.ConnectionError:
                    return False

            until(up, "the hub", deadline)
            print(json.dumps(cycle(folder, plan, deadline)))
        except BaseException:
            sys.stderr.write(log.read_text(errors="replace")[-6000:])
            raise
        finally:
            hub.terminate()
            hub.wait(10)


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
