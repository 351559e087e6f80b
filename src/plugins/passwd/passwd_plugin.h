// The plugin vmq_passwd of one shard: who knows the password of a user in the file may connect.
#pragma once

#include <optional>
#include <string_view>

#include "base/ids.h"
#include "hooks/plugin.h"
#include "plugins/passwd/password_source.h"
#include "plugins/passwd/password_verifier.h"

namespace vmq::plugins::passwd {

/// auth_on_register and auth_on_register_m5:
///
///     no user name, no password, or a user who is not in the file    Next
///     the right password                                             Ok
///     a wrong one                                                    Error, BadUserNameOrPassword
///     too many logins, or the user's line has changed meanwhile      Error, ServerBusy
///
/// Next is answered at once, so a user who is not in the file is refused sooner than one who is:
/// VerneMQ's rule that the next plugin decides about him shows it anyway.
///
/// One per shard, used on that shard; `source` and `verifier` are shared and outlive it. An answer
/// that is still to come when it is destroyed may come afterwards.
class PasswdPlugin final : public hooks::Plugin {
public:
    PasswdPlugin(ShardId shard, const PasswordSource& source, PasswordVerifier& verifier) noexcept
        : shard_(shard), source_(source), verifier_(verifier) {}

    [[nodiscard]] std::string_view name() const noexcept override { return "vmq_passwd"; }
    [[nodiscard]] hooks::HookSet hooks() const noexcept override {
        return hooks::hook_bit(hooks::Hook::AuthOnRegister);
    }

    std::optional<hooks::RegisterVerdict> auth_on_register(
        const hooks::RegisterContext& context,
        hooks::Completion<hooks::RegisterVerdict> done) override;

private:
    const ShardId shard_;
    const PasswordSource& source_;
    PasswordVerifier& verifier_;
};

}  // namespace vmq::plugins::passwd
