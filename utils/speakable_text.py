"""stub"""


class SpeakableText:
    def speak(self, s):
        return s.strip()
