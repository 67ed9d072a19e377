import js from '@eslint/js';
import globals from 'globals';

export default [
  {ignores: ['static/js/vendor/']},
  js.configs.recommended,
  {
    languageOptions: {ecmaVersion: 2023, sourceType: 'module', globals: globals.browser},
    linterOptions: {reportUnusedDisableDirectives: 'error'},
    rules: {
      eqeqeq: ['error', 'always'],
      'no-console': ['error', {allow: ['warn', 'error']}],
      'no-var': 'error',
      'prefer-const': 'error',
      complexity: ['error', 12],
      'max-lines': ['error', {max: 300, skipBlankLines: true, skipComments: true}],
      'max-lines-per-function': ['error', {max: 60, skipComments: true}],
      'no-restricted-properties': [
        'error',
        {property: 'innerHTML', message: 'use textContent or <template>'},
      ],
    },
  },
  {
    files: ['static/js/*.js'],
    ignores: ['static/js/main.js', 'static/js/wakelock.js', 'static/js/wakeup.js'],
    rules: {
      'no-restricted-globals': ['error', {name: 'document', message: 'only ui/ touches the page'}],
    },
  },
  // Texts, not code.
  {files: ['static/js/i18n/*.js'], rules: {'max-lines': 'off'}},
  {files: ['test/**/*.js'], languageOptions: {globals: {...globals.node, ...globals.browser}}},
];
