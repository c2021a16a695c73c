"""Whisper as a streaming recogniser that many conversations share.

audio -> WhisperTurn -windows-> Scheduler -batches-> WhisperModel -> guards -> Agreement -> transcripts
"""
