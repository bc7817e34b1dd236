"""One task beside the service, through the deploy function: started, asked how it stands, waited for, stopped."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable
from dataclasses import replace

from functions.deploy.requests import RunTask, StopTask, TaskLog, TaskStatus
from functions.names import name_in
from release import progress
from release.deploy_function import DeployFunction, FunctionFailed, Heard, TaskBegan, TaskJudged, TaskWrote

APPEARS_S = 60.0
"""Seconds in which ECS may not know a task that it has just started: eventually consistent (RunTask, remarks)."""
STOP_DEADLINE_S = 150.0
"""Seconds for stopping a task: a container has up to 120 s to end after SIGTERM (stopTimeout on Fargate)."""
LOG_DEADLINE_S = 20.0
"""Seconds for one look at the log: how the task stands must not wait for it."""
LAST_LINES = 3
"""How often the log is read after the end: CloudWatch has the last lines seconds later."""


class TaskFailed(FunctionFailed):
    """The command did not succeed.

    `outcome` is `failed` (by its exit code, or it never ran), `timed_out` (and was told to stop), `no_task` (ECS does
    not know the task any more), `refused` (nothing was started) or `error`. `details`: why it stopped, exit codes and
    the last lines of its log.
    """

    def __init__(
        self,
        outcome: str,
        message: str,
        details: tuple[str, ...] = (),
        task: str | None = None,
        exit_code: int | None = None,
    ) -> None:
        super().__init__(outcome, message, details)
        self.task = task
        """The ARN of the task; None where none is known to have been started."""
        self.exit_code = exit_code
        """Of a command that ended by itself with another one than 0."""


class OneOff:
    """One task. `name` is its subject in messages, such as "the migration"."""

    def __init__(self, function: DeployFunction, request: RunTask, name: str) -> None:
        self.function, self.request, self.name = function, request, name
        self.task = ""
        """The ARN; empty until it is known."""
        self._seen = False
        """ECS knows the task."""

    def run(self, each_time: Callable[[], object] = lambda: None) -> None:
        """Run the command and wait for its end; raise TaskFailed unless its exit code is 0.

        A task of the same revision and command that still runs, because nobody watches it any more, is adopted. One
        that does not end before the function's deadline, or cannot be asked about, is stopped. `each_time` is called
        between two questions how it stands.
        """
        self.start()
        judged = self._watch(each_time)
        if judged.outcome != "succeeded":
            code = judged.exit_code or None
            raise TaskFailed(judged.outcome, self.failure(judged), judged.details, self.task, code)
        progress.passing(self.function.say, f"ended with exit code 0 ({self.function.elapsed_s:.0f} s)")

    def stop(self, reason: str) -> tuple[str, tuple[str, ...]]:
        """End the task; says what became of it, and what is known of its end."""
        function = self.function.with_time(STOP_DEADLINE_S)
        progress.passing(function.say, f"task is being stopped: it {reason}")
        try:
            request = StopTask(lease=self.request.lease, task=self.task, reason=f"release: it {reason}")
            function.call(request, Heard)
            while True:
                last_call = function.left_s <= function.interval_s
                judged = self._judge(function, explain=True)
                if judged.outcome != "in_progress":
                    return f"it was stopped{_exit(judged)}", judged.details
                if last_call:
                    text = f"it was told to stop, and task {name_in(self.task)} still ran {STOP_DEADLINE_S:g} s later"
                    return text, ()
                time.sleep(function.interval_s)
        except FunctionFailed as error:
            return f"whether task {name_in(self.task)} still runs is not known: {error.message}", error.details

    def start(self) -> None:
        """Start the task; a repeated command finds the one that an earlier one started. Raises TaskFailed."""
        function = self.function
        try:
            began = function.call(self.request, TaskBegan)
        except FunctionFailed as error:
            text = f"{self.name} was not started: {error.message}"
            raise TaskFailed(error.outcome, text, error.details) from error.__cause__
        self.task = began.task
        how = "begins" if began.started or RunTask in function.unheard else "runs already"
        where = f"in task {name_in(began.task)}, for {function.deadline_s:g} s at most"
        # Kept: where Pulumi is interrupted twice, this process ends without another word.
        what = " ".join([self.name, shlex.join(self.request.container_command or ())]).rstrip()
        progress.kept(function.say, f"{what} {how} {where}")

    def _watch(self, each_time: Callable[[], object]) -> TaskJudged:
        """The answer that says how the task ended. One that does not end in time is stopped, and that is a failure.

        Also when it ends with exit code 0 then: a program that ends in good order when it is told to has not finished.
        """
        try:
            judged = self._wait(each_time)
        except FunctionFailed as error:
            end, details = self.stop("cannot be asked how it stands")
            text = f"how {self.name} ended is not known: {error.message}; {end}"
            raise TaskFailed(error.outcome, text, details or error.details, self.task) from error.__cause__
        if judged.outcome == "in_progress":
            late = f"did not end within {self.function.deadline_s:g} s"
            end, details = self.stop(late)
            raise TaskFailed("timed_out", f"{self.name} {late}: {end}", details or judged.details, self.task)
        return judged

    def _wait(self, each_time: Callable[[], object]) -> TaskJudged:
        """The answer that says how the task ended, or, when the time is over, how it stands."""
        function, news = self.function, progress.Changes(self.function.say)
        while True:
            last_call = function.left_s <= function.interval_s
            judged = self.ask(explain=last_call)
            if last_call or judged.outcome != "in_progress":
                return judged
            if self._seen:
                news(f"task is {judged.last_status}")
                each_time()
            time.sleep(function.interval_s)

    def ask(self, *, explain: bool) -> TaskJudged:
        """How the task stands; one that ECS does not know yet is in progress."""
        judged = self._judge(self.function, explain=explain)
        self._seen = self._seen or judged.outcome != "no_task"
        if not self._seen and self.function.elapsed_s < APPEARS_S:
            return replace(judged, outcome="in_progress")
        return judged

    def _judge(self, function: DeployFunction, *, explain: bool) -> TaskJudged:
        request = TaskStatus(task=self.task, container=self.request.container, explain=explain)
        return function.call(request, TaskJudged)

    def failure(self, judged: TaskJudged) -> str:
        """Why a task that has ended is no success."""
        if judged.outcome == "no_task":
            known = f"ECS does not know the task {name_in(self.task)} of {self.name} any more"
            return f"{known}: whether it succeeded cannot be said"
        why = f": {judged.reason.rstrip('.')}" if judged.reason else ""
        if judged.exit_code is None:
            return f"{self.name} never ran: container {self.request.container} has no exit code{why}"
        return f"{self.name} failed{_exit(judged)}{why}"


class Log:
    """What the container of a one-off task writes, line by line."""

    def __init__(self, one_off: OneOff, show: Callable[[str], None]) -> None:
        self._one_off, self._show = one_off, show
        self._next: str | None = None
        self._readable = True

    def read(self) -> bool:
        """Show what is new; whether there was any. A log that cannot be read is said once, and stops nothing."""
        one_off = self._one_off
        if not self._readable or not one_off.task:
            return False
        request = TaskLog(task=one_off.task, container=one_off.request.container, after=self._next)
        try:
            wrote = one_off.function.with_time(LOG_DEADLINE_S).call(request, TaskWrote)
        except FunctionFailed as error:
            self._readable = False
            progress.kept(one_off.function.say, f"the log is not shown: {error.message}")
            return False
        self._next = wrote.next
        for line in wrote.lines:
            self._show(line)
        return bool(wrote.lines)

    def read_rest(self) -> None:
        """Show what was written until the end."""
        quiet = 0
        while self._readable and quiet < LAST_LINES:
            quiet = 0 if self.read() else quiet + 1
            if quiet < LAST_LINES:
                time.sleep(self._one_off.function.interval_s)


def _exit(judged: TaskJudged) -> str:
    return "" if judged.exit_code is None else f" with exit code {judged.exit_code}"
