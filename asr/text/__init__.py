"""From tokens to written text: punctuation, inverse text normalisation, subtitles."""
