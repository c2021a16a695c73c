"""What ``scripts/make_micro_voice`` is made of.

::

    corpus.py    sentences of English words, drawn by how common they are
    speech.py    espeak-ng speaks them: samples with the times of their phonemes
    vocoder.py   samples -> what a frame sounds like: loudness by band, voicing, pitch
    network.py   a small network learns that from the phonemes (needs torch)
    graph.py     the network and a vocoder as one ONNX graph (needs onnx)
    measuring.py PocketSphinx listens to what was made
"""
