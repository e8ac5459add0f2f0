"""stub"""

import sentencex


class SentenceStream:
    def __init__(self):
        self.b = ""

    def feed(self, t):
        self.b += t
        s = list(sentencex.segment("en", self.b))
        if len(s) < 2:
            return []
        self.b = s[-1]
        return s[:-1]

    def flush(self):
        return [self.b] if self.b else []
