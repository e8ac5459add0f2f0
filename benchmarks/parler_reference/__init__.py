"""The Parler-TTS library as a judge: what its `generate()` makes of a checkpoint, and what that costs.

It wants a Transformers of its own. So it lies in a folder (`make reference`) and runs in a process of its own:

environment  where it lies, and how it is made
client       the process, as others call it
worker       what runs in that process; stand_ins.py lets the library be imported there
streaming    the library's own streaming, measured
"""
