#include "plugins/passwd/passwd_plugin.h"

#include <memory>
#include <string>
#include <utility>

namespace vmq::plugins::passwd {
namespace {

using hooks::Decision;
using hooks::RegisterVerdict;
using mqtt::ReasonCode;
using Outcome = PasswordVerifier::Outcome;

RegisterVerdict refuse(ReasonCode reason) {
    RegisterVerdict verdict;
    verdict.decision = Decision::Error;
    verdict.refusal.reason = reason;
    return verdict;
}

RegisterVerdict verdict_of(Outcome outcome) {
    switch (outcome) {
        case Outcome::Right: {
            RegisterVerdict verdict;
            verdict.decision = Decision::Ok;
            return verdict;
        }
        case Outcome::Wrong:
            return refuse(ReasonCode::BadUserNameOrPassword);
        case Outcome::Busy:
            break;
    }
    return refuse(ReasonCode::ServerBusy);
}

/// What was checked: the line of a user as it was then.
struct Question {
    std::shared_ptr<const PasswordFile> file;
    std::string user;
    std::string_view hash;

    /// A user who was removed or given another password meanwhile must not get in with the old one:
    /// whoever revokes sessions after a reload would not find this one yet.
    [[nodiscard]] bool still_stands(const PasswordSource& source) const {
        const auto now = source.current();
        return now == file || now->find(user) == hash;
    }
};

}  // namespace

std::optional<RegisterVerdict> PasswdPlugin::auth_on_register(
    const hooks::RegisterContext& context, hooks::Completion<RegisterVerdict> done) {
    if (!context.username || !context.password) return RegisterVerdict{};
    const auto file = source_.current();
    const auto hash = file->find(*context.username);
    if (!hash) return RegisterVerdict{};
    auto answer = [&source = source_, done = std::move(done),
                   question =
                       Question{file, std::string(*context.username), *hash}](Outcome outcome) {
        done(verdict_of(question.still_stands(source) ? outcome : Outcome::Busy));
    };
    PasswordVerifier::Request request{file, *hash, Secret(*context.password), shard_,
                                      std::move(answer)};
    if (verifier_.submit(std::move(request))) return std::nullopt;
    return refuse(ReasonCode::ServerBusy);
}

}  // namespace vmq::plugins::passwd
