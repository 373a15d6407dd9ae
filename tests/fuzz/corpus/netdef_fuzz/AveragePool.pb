;
datay"AveragePool*

kernel*
pad*

legacy_pad