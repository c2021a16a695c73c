"""What ``scripts/make_micro_whisper`` is made of, in the order of its steps.

domain (what is said) -> speech (espeak-ng says it) -> clips (windows of it, as a server hears them) -> network and
training -> conversion (CTranslate2 int8) -> measuring.
"""
