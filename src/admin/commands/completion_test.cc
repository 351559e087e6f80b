#include "admin/commands/completion.h"

#include <gtest/gtest.h>

#include "admin/commands/sample_table.h"

namespace vmq::admin::commands {
namespace {

TEST(Completion, EveryPathOfWordsHasItsCandidates) {
    for (const char* shell : {"completion bash", "completion zsh"}) {
        const auto script = completion_script(sample_table(), shell);
        ASSERT_TRUE(script);
        for (const char* part :
             {"'session') candidates='disconnect show --help",
              "'') candidates='session api-key show",
              "'session disconnect') candidates='clients client-id= --cleanup --mountpoint= --help",
              "'session'|'session disconnect'|'session disconnect clients'"}) {
            EXPECT_NE(script->find(part), std::string::npos) << part << "\n" << *script;
        }
    }
}

TEST(Completion, OtherCommandsAreNoScripts) {
    EXPECT_FALSE(completion_script(sample_table(), "session show"));
    EXPECT_FALSE(completion_script(sample_table(), "completion fish"));
}

}  // namespace
}  // namespace vmq::admin::commands
