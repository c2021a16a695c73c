"""What ``scripts/evaluate`` is made of, in the order of its steps.

recordings (what is heard, and what is to be understood) -> hearing (an engine hears it, in real time or faster) ->
figures (what that was worth; pure); endpointing (where turns end, for waits that do or do not depend on the text);
tables and picture (what is shown).
"""
