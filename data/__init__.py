"""Campaigns: typed tables of measurements, read from files and checked."""
