%
dataymask"Dropout*
is_test