"""Tests of utils/transports/."""
