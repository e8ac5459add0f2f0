"""A decode engine for Parler-TTS: `generate()`'s codes and the codec's audio, streamed in linear time.

checkpoint  a model and its tokenizers, from a folder or the hub
config      what its JSON files say; what is not supported is refused by name
files       its weights, one tensor at a time
codec_names the names that the codec's weights may have
modules     what holds the weights
loader      puts config, files and modules together
weights     of the decoder, joined so that a step calls fewer operations
decoder     reads a prompt, then makes one step for one or several rows
steps       runs the steps: eagerly, compiled, or as a CUDA graph
voice       what depends on the description alone, kept
sampling    chooses ids as Transformers would
delay_pattern  how codebooks lag behind each other, and when an utterance is over
batch       utterances that start together, which may be left between two steps
codec       frames become samples, as they come (codec_layers: the layers that remember)
chunks      how large the next chunk of audio may be
streaming   an utterance as a stream of chunks
speech      all of it; begin here
"""
