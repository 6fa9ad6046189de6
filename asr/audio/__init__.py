"""From the bytes of any recording to 16 kHz mono samples and filter bank features."""
