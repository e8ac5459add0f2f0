"""Tests of arguments/."""
