package main

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	joinSecret      = "a join secret of this test, long enough"
	otherJoinSecret = "a join secret of somebody else, as long"
)

// tokenNow is the current time in tests of tokens.
func tokenNow() time.Time { return time.Unix(1_800_000_000, 0) }

func joinTokensOf(tb testing.TB, secrets ...string) *joinTokens {
	tb.Helper()
	var keys [][]byte
	for _, secret := range secrets {
		keys = append(keys, []byte(secret))
	}
	tokens, err := newJoinTokens(keys, tokenNow)
	if err != nil {
		tb.Fatal(err)
	}
	return tokens
}

// sign returns any token, valid or not.
func sign(tb testing.TB, method jwt.SigningMethod, key any, header map[string]any, claims jwt.MapClaims) string {
	tb.Helper()
	token := jwt.NewWithClaims(method, claims)
	for name, value := range header {
		token.Header[name] = value
	}
	text, err := token.SignedString(key)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func TestJoinToken(t *testing.T) {
	t.Parallel()
	tokens := joinTokensOf(t, "the secret before that, and no shorter", joinSecret)
	now := tokenNow().Unix()
	key := []byte(joinSecret)
	hs := jwt.SigningMethodHS256
	good := sign(t, hs, key, nil, jwt.MapClaims{"room": "quiet", "exp": now + 60})
	const invalid, expired, another = "not valid here", "has expired", "for another room"
	for _, tc := range []struct {
		name, token, room string
		want, fault       string // the name in the room, or part of the error
	}{
		{"one room", good, "quiet", "", ""},
		{"with a name", sign(t, hs, key, nil, jwt.MapClaims{"room": "quiet", "exp": now + 60, "name": "Ann"}), "quiet", "Ann", ""},
		{"any room", sign(t, hs, key, nil, jwt.MapClaims{"room": "*", "exp": now + 60}), "river", "", ""},
		{"decomposed in the token", sign(t, hs, key, nil, jwt.MapClaims{"room": "cafe\u0301", "exp": now + 60}), "caf\u00e9", "", ""},
		{"decomposed in the join", sign(t, hs, key, nil, jwt.MapClaims{"room": "caf\u00e9", "exp": now + 60}), "cafe\u0301", "", ""},
		{"within the leeway", sign(t, hs, key, nil, jwt.MapClaims{"room": "*", "exp": now - 20}), "quiet", "", ""},
		{"none", "", "quiet", "", "requires a token"},
		{"another room", sign(t, hs, key, nil, jwt.MapClaims{"room": "quiet", "exp": now + 60}), "river", "", another},
		{"another case", sign(t, hs, key, nil, jwt.MapClaims{"room": "quiet", "exp": now + 60}), "Quiet", "", another},
		{"a pattern is no pattern", sign(t, hs, key, nil, jwt.MapClaims{"room": "qui*", "exp": now + 60}), "quiet", "", another},
		{"no room", sign(t, hs, key, nil, jwt.MapClaims{"exp": now + 60}), "quiet", "", another},
		{"expired", sign(t, hs, key, nil, jwt.MapClaims{"room": "*", "exp": now - 31}), "quiet", "", expired},
		{"no end", sign(t, hs, key, nil, jwt.MapClaims{"room": "*"}), "quiet", "", invalid},
		{"an end in words", sign(t, hs, key, nil, jwt.MapClaims{"room": "*", "exp": "tomorrow"}), "quiet", "", invalid},
		{"not yet", sign(t, hs, key, nil, jwt.MapClaims{"room": "*", "exp": now + 60, "nbf": now + 50}), "quiet", "", "not valid yet"},
		{"rooms", sign(t, hs, key, nil, jwt.MapClaims{"room": []string{"quiet"}, "exp": now + 60}), "quiet", "", invalid},
		{"a name that nobody may have", sign(t, hs, key, nil, jwt.MapClaims{"room": "*", "exp": now + 60, "name": "a\nb"}), "quiet", "", invalid},
		{"a long name", sign(t, hs, key, nil, jwt.MapClaims{"room": "*", "exp": now + 60, "name": strings.Repeat("a", 65)}), "quiet", "", invalid},
		{"another secret", sign(t, hs, []byte(otherJoinSecret), nil, jwt.MapClaims{"room": "*", "exp": now + 60}), "quiet", "", invalid},
		{"expired by a stranger", sign(t, hs, []byte(otherJoinSecret), nil, jwt.MapClaims{"room": "*", "exp": now - 60}), "quiet", "", invalid},
		{"unsigned", sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, jwt.MapClaims{"room": "*", "exp": now + 60}), "quiet", "", invalid},
		{"another algorithm", sign(t, jwt.SigningMethodHS512, key, nil, jwt.MapClaims{"room": "*", "exp": now + 60}), "quiet", "", invalid},
		{"critical header", sign(t, hs, key, map[string]any{"crit": []string{"b64"}, "b64": false}, jwt.MapClaims{"room": "*", "exp": now + 60}), "quiet", "", invalid},
		{"too long", sign(t, hs, key, nil, jwt.MapClaims{"room": "*", "exp": now + 60, "pad": strings.Repeat("a", maxJoinToken)}), "quiet", "", invalid},
		{"no token", "rubbish", "quiet", "", invalid},
		{"dots", "..", "quiet", "", invalid},
		{"a line end after it", good + "\n", "quiet", "", invalid},
		{"a line end in its signature", good[:len(good)-5] + "\r\n" + good[len(good)-5:], "quiet", "", invalid},
	} {
		grant, err := tokens.authorize(tc.token, tc.room)
		switch {
		case tc.fault == "" && (err != nil || grant.Name != tc.want):
			t.Errorf("%s: %q, %v; want %q", tc.name, grant.Name, err, tc.want)
		case tc.fault != "" && (err == nil || !strings.Contains(err.Error(), tc.fault) || grant.Name != ""):
			t.Errorf("%s: %q, %v; want an error with %q", tc.name, grant.Name, err, tc.fault)
		}
	}
}

func TestSignJoinToken(t *testing.T) {
	t.Parallel()
	tokens := joinTokensOf(t, joinSecret)
	for _, room := range []string{anyRoom, "quiet-river", "cafe\u0301", "河"} {
		token, err := signJoinToken([]byte(joinSecret), room, "Ann", tokenNow().Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if grant, err := tokens.authorize(token, strings.ReplaceAll(room, anyRoom, "any")); err != nil || grant.Name != "Ann" {
			t.Errorf("token for %s: %q, %v", room, grant.Name, err)
		}
		if strings.ContainsAny(token, "+/=&# ") {
			t.Errorf("token %s cannot stand in a link", token)
		}
	}
	for _, room := range []string{"", "a b", "a*", strings.Repeat("a", 65)} {
		if token, err := signJoinToken([]byte(joinSecret), room, "", tokenNow()); err == nil {
			t.Errorf("token for %q: %s, want an error", room, token)
		}
	}
}

func TestJoinTokenSecretsRotate(t *testing.T) {
	t.Parallel()
	tokens := joinTokensOf(t, joinSecret)
	token := sign(t, jwt.SigningMethodHS256, []byte(joinSecret), nil, jwt.MapClaims{"room": "*", "exp": tokenNow().Unix() + 60})
	for _, step := range []struct {
		secrets []string
		good    bool
	}{
		{[]string{otherJoinSecret, joinSecret}, true},
		{[]string{otherJoinSecret}, false},
		{nil, false}, // refused: the one before stays
		{[]string{joinSecret}, true},
	} {
		var keys [][]byte
		for _, secret := range step.secrets {
			keys = append(keys, []byte(secret))
		}
		if err := tokens.setSecrets(keys); (err == nil) != (len(keys) > 0) {
			t.Errorf("setSecrets(%q): %v", step.secrets, err)
		}
		if _, err := tokens.authorize(token, "quiet"); (err == nil) != step.good {
			t.Errorf("with %q: %v, want it good: %v", step.secrets, err, step.good)
		}
	}
}

// FuzzJoinToken checks that only signed tokens are accepted, whatever is changed in them.
func FuzzJoinToken(f *testing.F) {
	good := sign(f, jwt.SigningMethodHS256, []byte(joinSecret), nil, jwt.MapClaims{"room": "quiet", "exp": tokenNow().Unix() + 60})
	head, rest, _ := strings.Cut(good, ".")
	body, signature, _ := strings.Cut(rest, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	for _, seed := range []string{good, none + "." + body + ".", none + "." + rest, head + "." + body + ".", head + ".." + signature, good + "=", good + "\n", "", "..", head + "." + body + "." + body} {
		f.Add(seed)
	}
	tokens := joinTokensOf(f, joinSecret)
	f.Fuzz(func(t *testing.T, token string) {
		if grant, err := tokens.authorize(token, "quiet"); (err == nil) != (token == good) || grant.Name != "" {
			t.Errorf("%q: %q, %v", token, grant.Name, err)
		}
	})
}
