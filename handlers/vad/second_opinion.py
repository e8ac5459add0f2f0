"""A second opinion about a loud sound that begins: is it a voice?

Out of the quiet, silero takes the onset of any sound for a voice: of a violin for 0.2 s, of a hum for 0.35, of a guitar
for 0.4. A state that has never heard the quiet does not. So one is begun with the first frame that is voiced. While it
hears no voice, the start of speech stays in doubt, at most as long as such an onset lasts. Nothing of the speech is
lost by that. A voice that is not loud is taken for one at once, for a state that is so new is deaf to it.
"""

from __future__ import annotations

from handlers.vad.silero import SileroModel, State
from utils.audio.samples import FloatAudio

VOICED = 0.3  # of the probability: `--thresh`'s default, to which the figures below belong
AGREED_FRAMES = 2  # of a voice, the new state hears so many at least; of other sounds, none or one
LONGEST_ONSET_FRAMES = 14  # what is a voice for so long (0.45 s) is one
# dBFS, of the loudest frame: "yes" and "no" at -32 are not heard by a state that is so new.
LOUD_DB = -30.0


class SecondOpinion:
    """One conversation's. It costs a second run of the network, only while a start of speech is in doubt."""

    def __init__(self, model: SileroModel) -> None:
        self._model = model
        self.forget()

    def forget(self) -> None:
        """The sound is over, or known to be a voice."""
        self._state: State | None = None
        self._agreed = self._voiced = 0
        self._loud = False

    @property
    def doubtful(self) -> bool:
        """The sound may be the onset of any."""
        return self._loud and self._agreed < AGREED_FRAMES and self._voiced < LONGEST_ONSET_FRAMES

    def hear(
        self, frame: FloatAudio, level: float, probability: float, before: State | None, in_utterance: bool
    ) -> None:
        """Take the next frame, float32 [n], its level in dBFS, and the probability that was found.

        before: the state of the network before it; None where this surely is speech. in_utterance: an onset goes on.
        """
        if before is None or not in_utterance:
            self.forget()
        if before is None or (self._state is None and probability < VOICED):
            return
        state = self._model.initial_state(before) if self._state is None else self._state
        opinion, self._state = self._model.step(frame, state)
        self._agreed += opinion >= VOICED
        self._voiced += probability >= VOICED
        self._loud = self._loud or level >= LOUD_DB
