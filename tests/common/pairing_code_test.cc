#include "common/pairing_code.h"

#include <gtest/gtest.h>

#include <set>

namespace synergy {
namespace {

TEST(PairingCode, BeginsWithEightyBitsOfTheKeysHashInBase32) {
  EXPECT_EQ(PairingKeyLetters("foobarfoob" + std::string(22, '\xff')),
            "MZXW6YTBOJTG633C");  // RFC 4648
}

TEST(PairingCode, ItsSecretsAreTenLettersAndDiffer) {
  std::set<std::string> secrets;
  for (int i = 0; i < 1000; ++i) secrets.insert(MakePairingSecret());
  EXPECT_EQ(secrets.size(), 1000u);
  EXPECT_EQ(secrets.begin()->size(), kPairingSecretLetters);
}

TEST(PairingCode, IsTakenInSmallLettersAndRefusedWhereItIsNone) {
  const PairingCode code = ParsePairingCode("mzxw6ytbojtg633cABCDEFGH27").value();
  EXPECT_EQ(code.key, "MZXW6YTBOJTG633C");
  EXPECT_EQ(code.secret, "ABCDEFGH27");
  for (const char* text : {"", "MZXW6YTBOJTG633CABCDEFGH2", "MZXW6YTBOJTG633CABCDEFGH271",
                           "MZXW6YTBOJTG633CABCDEFGH01", "MZXW6YTBOJTG633C-BCDEFGH27"}) {
    EXPECT_EQ(ParsePairingCode(text).status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace synergy
