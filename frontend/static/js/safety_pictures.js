/**
 * The pictures of the safety code. Their order is part of what two ends must have in common (docs/call.md). Each is one
 * code point that browsers show as an emoji; the texts of each language have their names, in the same order.
 */
export const PICTURES = Object.freeze([
  ...'🐶🐱🐭🐰🦊🐻🐼🦁🐮🐷🐸🐵🐔🐧🦉🐴',
  ...'🐝🦋🐌🐢🐙🐳🦀🐘🐪🌵🌲🍄🌹🌻🌙⭐',
  ...'🌈🔥⛄🍎🍌🍇🍓🍋🥕🌽🍞🧀🥚🍕🎂🍦',
  ...'⚽🎸🎺🥁🚗🚲🚂🚀⛵⚓🏠🔑🔔⏰☔👑',
]);
