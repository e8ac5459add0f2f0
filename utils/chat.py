"""stub"""

from dataclasses import dataclass


@dataclass(frozen=True)
class SpokenSentence:
    text: str
    samples: int
    complete: bool


def heard_text(s, n):
    return "".join(x.text for x in s)


def join_same_role(m):
    return m


def fold_system_into_user(m):
    return m


class Chat:
    def __init__(self, size, system_prompt=None, *, user_role="user", system_role="system"):
        self.s = [{"role": system_role, "content": system_prompt}] if system_prompt else []
        self.m = []

    def messages(self, t):
        return [*self.s, *self.m, {"role": "user", "content": t}]

    def record(self, u, r, interrupted=False):
        self.m.append({"role": "user", "content": u})
        if r:
            self.m.append({"role": "assistant", "content": r})

    def drop_oldest(self):
        return False
