/**
 * The most common passwords of published leaks that have eight characters or more, in lower case. Short on purpose:
 * it stops what is tried first; the throttle of the login stops the rest.
 */
export const commonPasswords: ReadonlySet<string> = new Set(
  `12345678 123456789 1234567890 12345678910 123123123 1234512345 12341234 11111111 111111111 00000000 000000000
  87654321 987654321 9876543210 88888888 99999999 66666666 22222222 55555555 11223344 1122334455 12344321 123454321
  1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx 1qaz2wsx3edc zaq12wsx zaq1zaq1 q1w2e3r4 q1w2e3r4t5 qwertyuiop qwerty12
  qwerty123 qwerty1234 qwerty12345 qwertyui qwertyuiop123 asdfghjkl asdfasdf asdf1234 asdfghjk zxcvbnm123 zxcvbnm1
  1234qwer 123qweasd 123456qwerty 123456789a 12345678a a12345678 a123456789 aa123456 aa12345678 abc12345 abcd1234
  abcdefgh abcdefg1 abc123456 password password1 password12 password123 password1234 password! password1! passw0rd
  passw0rd1 p@ssw0rd p@ssword p@ssw0rd1 pa$$word pa55word mypassword changeme changeme1 changeme123 letmein1
  letmein123 welcome1 welcome12 welcome123 welcome1! iloveyou iloveyou1 iloveyou2 sunshine sunshine1 princess princess1
  football football1 baseball baseball1 basketball superman superman1 batman123 pokemon1 starwars trustno1 whatever
  computer computer1 internet samsung1 samsung123 michelle michael1 jennifer jordan23 charlie1 danielle jessica1
  liverpool liverpool1 arsenal1 chelsea1 manchester administrator admin123 admin1234 admin12345 administrator1
  qazwsxedc qazwsx123 dragon123 monkey123 master123 shadow123 summer2024 summer2025 winter2024 winter2025 spring2025
  autumn2025 company1 company123 business banking1 banking123 sagesage secret123 test1234 testtest test12345 user1234
  default1 temppass temp1234 bonjour1 motdepasse azertyuiop azerty123 contraseña passwort passwort1 hallo123`
    .split(/\s+/)
    .filter((word) => word !== ''),
);
