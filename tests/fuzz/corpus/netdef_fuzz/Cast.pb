
datay"Cast*
to"int64