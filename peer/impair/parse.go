package impair

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseShare reads a percentage, such as "5%" or "0.5", as a share from 0 to 1. "" is 0.
func ParseShare(text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	percent, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
	if err != nil || !(percent >= 0 && percent <= 100) { // also NaN
		return 0, fmt.Errorf("%q is not a percentage from 0%% to 100%%", text)
	}
	return percent / 100, nil
}

// ParseRate reads a rate in bits per second, such as "500k" (kbit/s), "2M" (Mbit/s) or
// "64000". "" is 0.
func ParseRate(text string) (int64, error) {
	if text == "" {
		return 0, nil
	}
	number, factor := text, 1.0
	switch text[len(text)-1] {
	case 'k', 'K':
		number, factor = text[:len(text)-1], 1e3
	case 'm', 'M':
		number, factor = text[:len(text)-1], 1e6
	}
	rate, err := strconv.ParseFloat(number, 64)
	if rate *= factor; err != nil || !(rate >= MinRate && rate <= 1e12) { // also NaN
		return 0, fmt.Errorf("%q is not a rate from %dk bit/s, such as 500k or 2M", text, MinRate/1000)
	}
	return int64(rate), nil
}
