"""Container formats: which one a file is, where its sound lies, and where its headers say something untrue.

Only bytes are read here, within budgets; decoding is the work of `asr.audio.blocks`.
"""
