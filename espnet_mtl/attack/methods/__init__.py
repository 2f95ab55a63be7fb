"""The methods of attack, one file each."""
