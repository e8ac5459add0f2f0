"""A language model in a GGUF file, run by llama.cpp in this process."""
