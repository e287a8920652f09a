"""What stands above figures and studies: runs, and studies that draw what they have found."""
