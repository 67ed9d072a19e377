package ctl_test

import (
	"fmt"

	"callbox/peer/ctl"
)

func Example() {
	text, err := ctl.Encode(ctl.Hello{V: ctl.Version, App: "example", Name: "Ann"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(text))

	m, err := ctl.Decode([]byte(`{"type":"bye","final":true,"more":"ignored"}`))
	fmt.Printf("%T %+v %v\n", m, m, err)
	m, err = ctl.Decode([]byte(`{"type":"wave"}`))
	fmt.Println(m, err)
	_, err = ctl.Decode([]byte(`{"type":"got","id":0}`))
	fmt.Println(err)
	// Output:
	// {"type":"hello","v":1,"app":"example","features":[],"name":"Ann"}
	// ctl.Bye {Final:true} <nil>
	// <nil> <nil>
	// "id" of a message of type "got" is malformed
}

// Both ends compute the same code.
func ExampleExchange() {
	var a, b ctl.Fingerprint // of the certificates
	a[0], b[0] = 1, 2
	impolite := ctl.NewExchange("quiet-river-lamp", false, a, b)
	polite := ctl.NewExchange("quiet-river-lamp", true, b, a)

	from, to := impolite, polite
	for m := from.Start(); m != nil; from, to = to, from {
		answer, err := to.Receive(m)
		if err != nil {
			fmt.Println("warn the person:", err)
			return
		}
		m = answer
	}
	here, _ := impolite.Code()
	there, ok := polite.Code()
	fmt.Println(here == there, ok, len(here.Digits))
	// Output: true true 6
}
