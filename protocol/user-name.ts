// Names of users: what a relay binds an identity to.

export const USER_NAME_PATTERN = /^[a-z][a-z0-9._-]{1,31}$/;
export const USER_NAME_RULE =
  'A name has 2 to 32 characters: lowercase letters, digits, dot, hyphen and underscore. It starts with a letter.';
