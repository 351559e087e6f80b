#include "admin/key_checks.h"

#include "admin/limits.h"

namespace vmq::admin {

KeyChecks::KeyChecks(boost::asio::io_context& io, const ApiKeyStore& keys)
    : keys_(keys), off_thread_(io, 1, kMaxKeyChecks) {}

KeyChecks::Taken KeyChecks::check(const std::string& address, std::string key,
                                  commands::ApiScope scope, Done done) {
    Question question(std::move(key), scope);
    if (const auto same = checks_.find(question); same != checks_.end()) {
        same->second.waiting.push_back(std::move(done));
        return Taken::Yes;
    }
    const auto neighbours = of_address_.find(address);
    if (neighbours != of_address_.end() && neighbours->second >= kMaxKeyChecksOfAddress) {
        ++refused_;
        return Taken::TooManyOfAddress;
    }
    const bool taken =
        checks_.size() < kMaxKeyChecks &&
        off_thread_.run(
            [this, question] {
                ++begun_;
                return keys_.check(question.first, question.second);
            },
            [this, question](const ApiKeyStore::Verdict& verdict) { answer(question, verdict); });
    if (!taken) {
        ++refused_;
        return Taken::TooMany;
    }
    ++of_address_[address];
    Check& check = checks_[std::move(question)];
    check.address = address;
    check.waiting.push_back(std::move(done));
    return Taken::Yes;
}

void KeyChecks::answer(const Question& question, const ApiKeyStore::Verdict& verdict) {
    const auto found = checks_.find(question);
    if (found == checks_.end()) return;
    const Check check = std::move(found->second);
    checks_.erase(found);
    const auto neighbours = of_address_.find(check.address);
    if (--neighbours->second == 0) of_address_.erase(neighbours);
    for (const Done& done : check.waiting) done(verdict);
}

void KeyChecks::clear() {
    off_thread_.clear();
    checks_.clear();
    of_address_.clear();
}

}  // namespace vmq::admin
