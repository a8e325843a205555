"""Tracking: experiments, runs and what they log, before anything is registered.

Times are ``*_ms``, whole milliseconds since 1970 as the training code said them; they may lie anywhere.
"""
