 
dataab"Split*
split00