#include "admin/api_key_store.h"

#include <fmt/core.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <limits>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "admin/api_key_hash.h"
#include "admin/limits.h"
#include "base/log.h"
#include "base/small_file.h"
#include "runtime/coordination.h"
#include "runtime/guarded.h"

namespace vmq::admin {
namespace {

namespace json = boost::json;
using commands::ApiScope;

constexpr std::size_t kKeyLength = 32;  // of those we make
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kIdBytes = 4;
constexpr std::size_t kMaxStart = 8;  // characters of a key that are shown
constexpr std::int64_t kVersion = 1;  // of the file
constexpr std::size_t kMaxFileBytes = 4U << 20U;
/// Deleted keys are remembered so long, for nodes that have not heard of it.
constexpr std::int64_t kForgetDeletedMillis = std::int64_t{30} * 24 * 3600 * 1000;
constexpr std::int64_t kSecondsPerDay = 24 * 3600;
/// Expired keys are shown so long.
constexpr std::int64_t kForgetExpiredSeconds = kSecondsPerDay;
/// A check that keys change under begins anew, so often.
constexpr int kMaxChecks = 8;

/// Nothing: there is no file.
Result<std::optional<std::string>> read_file(const std::string& path) {
    struct ::stat status{};
    if (::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
        (status.st_mode & 077U) != 0 && ::chmod(path.c_str(), 0600) == 0) {
        log::warning("others could read {}; it is its owner's alone now", path);
    }
    return read_small_file(path, kMaxFileBytes);
}

json::object json_of(const ApiKeyFact& fact) {
    json::object object;
    object["id"] = fact.id;
    object["stamp"] = fact.stamp.millis;
    object["node"] = fact.stamp.node;
    if (fact.deleted) {
        object["deleted"] = true;
        return object;
    }
    object["start"] = fact.start;
    object["scope"] = json::string(commands::name_of(fact.scope));
    if (fact.expires) object["expires"] = *fact.expires;
    object["rounds"] = fact.hash.rounds;
    object["salt"] = to_hex(fact.hash.salt);
    object["digest"] = to_hex(fact.hash.digest);
    return object;
}

/// Reads members of an object; remembers whether all of them were there and fit.
class Members final {
public:
    explicit Members(const json::object& object) : object_(object) {}

    std::string text(std::string_view name) {
        const auto* value = object_.if_contains({name.data(), name.size()});
        if (value != nullptr && value->is_string()) {
            return {value->get_string().data(), value->get_string().size()};
        }
        good_ = false;
        return {};
    }
    std::string bytes(std::string_view name) {
        auto found = from_hex(text(name));
        good_ = good_ && found;
        return found ? *std::move(found) : std::string();
    }
    std::int64_t number(std::string_view name, std::int64_t least, std::int64_t most) {
        const auto* value = object_.if_contains({name.data(), name.size()});
        const std::int64_t* found = value == nullptr ? nullptr : value->if_int64();
        good_ = good_ && found != nullptr && *found >= least && *found <= most;
        return good_ ? *found : 0;
    }
    [[nodiscard]] bool has(std::string_view name) const {
        return object_.contains({name.data(), name.size()});
    }
    [[nodiscard]] bool good() const noexcept { return good_; }

private:
    const json::object& object_;
    bool good_ = true;
};

std::optional<ApiKeyFact> fact_of(const json::value& value) {
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
    constexpr std::int64_t kMaxRounds = 10'000'000;
    if (!value.is_object()) return std::nullopt;
    Members members(value.get_object());
    ApiKeyFact fact;
    fact.id = members.text("id");
    fact.stamp = {members.number("stamp", 0, kMost), members.text("node")};
    fact.deleted = members.has("deleted");
    if (!fact.deleted) {
        fact.start = members.text("start");
        const auto scope = commands::scope_of(members.text("scope"));
        if (!scope) return std::nullopt;
        fact.scope = *scope;
        if (members.has("expires")) fact.expires = members.number("expires", 0, kMost);
        fact.hash.rounds = static_cast<std::uint32_t>(members.number("rounds", 1, kMaxRounds));
        fact.hash.salt = members.bytes("salt");
        fact.hash.digest = members.bytes("digest");
    }
    if (!members.good() || fact.id.empty()) return std::nullopt;
    return fact;
}

}  // namespace

std::string api_keys_to_json(const std::vector<ApiKeyFact>& facts) {
    json::array keys;
    for (const ApiKeyFact& fact : facts) keys.push_back(json_of(fact));
    json::object object;
    object["version"] = kVersion;
    object["keys"] = std::move(keys);
    return json::serialize(object) + "\n";
}

Result<std::vector<ApiKeyFact>> api_keys_from_json(std::string_view text) {
    json::error_code error;
    const json::value value = json::parse({text.data(), text.size()}, error);
    const json::object* object = error ? nullptr : value.if_object();
    const json::value* version = object == nullptr ? nullptr : object->if_contains("version");
    const json::value* keys = object == nullptr ? nullptr : object->if_contains("keys");
    if (version == nullptr || keys == nullptr || !version->is_int64() || !keys->is_array()) {
        return Error{ErrorCode::SyntaxError, "it is no list of API keys"};
    }
    if (version->get_int64() != kVersion) {
        return Error{ErrorCode::SyntaxError,
                     fmt::format("its version is {}, not {}", version->get_int64(), kVersion)};
    }
    std::vector<ApiKeyFact> facts;
    for (const json::value& each : keys->get_array()) {
        auto fact = fact_of(each);
        if (!fact) {
            return Error{ErrorCode::SyntaxError,
                         fmt::format("its key number {} is damaged", facts.size() + 1)};
        }
        facts.push_back(std::move(*fact));
    }
    return facts;
}

struct ApiKeyStore::State {
    struct Table {
        std::vector<ApiKeyFact> facts;
        std::uint64_t version = 0;  // another one after each change
        /// A key that was found good.
        struct Known {
            std::vector<std::string> ids;  // of the facts about it
            std::uint64_t version;         // of the table; there may be more facts about it since
            std::int64_t used_millis;
        };
        /// By the key's digest with `secret`.
        mutable std::unordered_map<std::string, Known> known;
        mutable std::unordered_set<std::string> strangers;  // as `version` has it
    };

    const std::string secret = random_bytes(kSecretBytes);  // of this process
    runtime::Guarded<ApiKeyRules> rules;
    runtime::OneAtATime changes;
    runtime::Guarded<Table> table;
    runtime::OneAtATime telling;
    std::function<void()> told;
};

namespace {

bool slow(const ApiKeyFact& fact) { return !fact.deleted && fact.hash.rounds > 1; }

/// The facts that are about `key`. Hashes once for each salt.
std::vector<const ApiKeyFact*> matches(const std::vector<ApiKeyFact>& facts, std::string_view key,
                                       bool also_slow) {
    std::vector<const ApiKeyFact*> found;
    std::unordered_map<std::string, std::string> digests;
    for (const ApiKeyFact& fact : facts) {
        if (fact.deleted || (slow(fact) && !also_slow)) continue;
        const std::string how = std::to_string(fact.hash.rounds) + ":" + fact.hash.salt;
        auto digest = digests.find(how);
        if (digest == digests.end()) {
            digest = digests.emplace(how, digest_of(key, fact.hash.salt, fact.hash.rounds)).first;
        }
        if (same_digest(digest->second, fact.hash.digest)) found.push_back(&fact);
    }
    return found;
}

/// Deleted or expired so long ago that nobody needs to hear of it.
bool of_no_use(const ApiKeyFact& fact, std::int64_t now_millis) {
    if (fact.deleted) return fact.stamp.millis < now_millis - kForgetDeletedMillis;
    return fact.expires && *fact.expires < now_millis / 1000 - kForgetExpiredSeconds;
}

/// Ids of keys that are in both, and the same.
std::unordered_set<std::string_view> unchanged(const std::vector<ApiKeyFact>& before,
                                               const std::vector<ApiKeyFact>& now) {
    std::unordered_map<std::string_view, std::string_view> digests;
    for (const ApiKeyFact& fact : before) {
        if (!fact.deleted) digests.emplace(fact.id, fact.hash.digest);
    }
    std::unordered_set<std::string_view> same;
    for (const ApiKeyFact& fact : now) {
        const auto found = digests.find(fact.id);
        if (fact.deleted || found == digests.end()) continue;
        if (found->second == fact.hash.digest) same.insert(fact.id);
    }
    return same;
}

/// Leaves kMaxDeletedApiKeys of those that are deleted.
void forget_oldest_deleted(std::vector<ApiKeyFact>& facts) {
    std::vector<ApiKeyStamp> stamps;
    for (const ApiKeyFact& fact : facts) {
        if (fact.deleted) stamps.push_back(fact.stamp);
    }
    if (stamps.size() <= kMaxDeletedApiKeys) return;
    const auto oldest_kept = stamps.end() - static_cast<std::ptrdiff_t>(kMaxDeletedApiKeys);
    std::ranges::nth_element(stamps, oldest_kept);
    std::size_t left = stamps.size() - kMaxDeletedApiKeys;  // some may have the same stamp
    std::erase_if(facts, [&](const ApiKeyFact& fact) {
        if (left == 0 || !fact.deleted || *oldest_kept < fact.stamp) return false;
        --left;
        return true;
    });
}

}  // namespace

ApiKeyStore::ApiKeyStore(std::string path, std::string node, ApiKeyRules rules, Clock clock)
    : path_(std::move(path)),
      node_(std::move(node)),
      clock_(std::move(clock)),
      state_(std::make_unique<State>()) {
    set_rules(rules);
    if (path_.empty()) return;
    auto text = read_file(path_);
    if (!text) {
        problem_ = text.error().detail;
    } else if (text.value()) {
        auto facts = api_keys_from_json(*text.value());
        if (facts) {
            state_->table.with([&](State::Table& table) { table.facts = facts.value(); });
        } else {
            problem_ = fmt::format(
                "{} cannot be read: {}; there are no API keys until it is put right or moved away",
                path_, facts.error().detail);
        }
    }
}

ApiKeyStore::~ApiKeyStore() = default;

void ApiKeyStore::set_rules(ApiKeyRules rules) {
    state_->rules.with([&](ApiKeyRules& now) { now = rules; });
}

ApiKeyRules ApiKeyStore::rules() const {
    return state_->rules.with([](const ApiKeyRules& now) { return now; });
}

std::int64_t ApiKeyStore::now_millis() {
    return std::chrono::duration_cast<Millis>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

Result<std::string> ApiKeyStore::create(ApiScope scope, std::optional<WallSeconds> expires) {
    std::string key = random_key(std::max(kKeyLength, rules().min_length));
    {
        const auto held = state_->changes.enter();
        if (const auto put_in = put(key, scope, expires, 1); !put_in) return put_in.error();
    }
    tell();
    return key;
}

Result<void> ApiKeyStore::add(const std::string& key, ApiScope scope,
                              std::optional<WallSeconds> expires) {
    const ApiKeyRules now_hold = rules();
    if (key.size() < std::max<std::size_t>(now_hold.min_length, 1) ||
        key.size() > kMaxApiKeyLength) {
        return Error{ErrorCode::InvalidValue, "invalid_key_length"};
    }
    // What a header cannot carry, and the colon behind which Basic has the password.
    const bool sendable = std::ranges::all_of(
        key, [](char each) { return each > ' ' && each < '\x7f' && each != ':'; });
    if (!sendable) return Error{ErrorCode::InvalidValue, "invalid_key"};
    {
        const auto held = state_->changes.enter();
        const auto now = facts();
        for (const ApiKeyFact* fact : matches(now, key, true)) {
            if (fact->scope == scope) return Error{ErrorCode::InvalidValue, "key_already_exists"};
        }
        if (auto added = put(key, scope, expires, now_hold.rounds); !added) return added;
    }
    tell();
    return {};
}

Result<void> ApiKeyStore::put(const std::string& key, ApiScope scope,
                              std::optional<WallSeconds> expires, std::uint32_t rounds) {
    if (!in_range(expires)) return Error{ErrorCode::InvalidValue, "invalid_expiry_date"};
    auto now = facts();
    const auto count = std::ranges::count(now, false, &ApiKeyFact::deleted);
    if (count >= static_cast<std::ptrdiff_t>(kMaxApiKeys)) {
        return Error{ErrorCode::StorageFailed,
                     fmt::format("there are {} API keys already, which is the most there can be; "
                                 "delete some first",
                                 count)};
    }
    ApiKeyFact fact;
    do {
        fact.id = to_hex(random_bytes(kIdBytes));
    } while (std::ranges::find(now, fact.id, &ApiKeyFact::id) != now.end());
    fact.stamp = next_stamp();
    fact.start = key.substr(0, std::min(kMaxStart, key.size() / 4));
    fact.scope = scope;
    fact.expires = expires;
    // Keys that go through many rounds share a salt, so that a request costs one slow hash.
    const auto like = std::ranges::find_if(now, [&](const ApiKeyFact& each) {
        return !each.deleted && each.hash.rounds == rounds && each.stamp.node == node_;
    });
    fact.hash.rounds = rounds;
    fact.hash.salt = like == now.end() ? random_bytes(kSaltBytes) : like->hash.salt;
    fact.hash.digest = digest_of(key, fact.hash.salt, rounds);
    now.push_back(std::move(fact));
    return replace(std::move(now));
}

Result<void> ApiKeyStore::remove(const std::string& key, ApiScope scope) {
    {
        const auto held = state_->changes.enter();
        const auto now = facts();
        std::vector<std::string> gone;
        for (const ApiKeyFact& fact : now) {
            if (!fact.deleted && fact.scope == scope && fact.name() == key) gone.push_back(fact.id);
        }
        if (gone.empty() && key.size() <= kMaxApiKeyLength) {
            for (const ApiKeyFact* fact : matches(now, key, true)) {
                if (fact->scope == scope) gone.push_back(fact->id);
            }
        }
        if (gone.empty()) return Error{ErrorCode::NotFound, "key_not_found"};
        if (auto deleted = mark_deleted(gone); !deleted) return deleted;
    }
    tell();
    return {};
}

/// Of who holds `changes`.
Result<void> ApiKeyStore::mark_deleted(const std::vector<std::string>& ids) {
    auto now = facts();
    bool changed = false;
    for (ApiKeyFact& fact : now) {
        if (fact.deleted || std::ranges::find(ids, fact.id) == ids.end()) continue;
        const std::string id = fact.id;
        fact = ApiKeyFact{};
        fact.id = id;
        fact.stamp = next_stamp();
        fact.deleted = true;
        changed = true;
    }
    return changed ? replace(std::move(now)) : Result<void>{};
}

Result<void> ApiKeyStore::forget(const std::vector<std::string>& ids) {
    const auto held = state_->changes.enter();
    return mark_deleted(ids);
}

bool ApiKeyStore::is_needed(const ApiKeyFact& fact) const { return !of_no_use(fact, clock_()); }

void ApiKeyStore::on_change(std::function<void()> told) {
    const auto held = state_->telling.enter();
    state_->told = std::move(told);
}

void ApiKeyStore::tell() const {
    const auto held = state_->telling.enter();
    if (state_->told) state_->told();
}

std::vector<commands::ApiKeyView> ApiKeyStore::all() {
    const WallSeconds now = clock_() / 1000;
    std::vector<commands::ApiKeyView> views;
    for (const ApiKeyFact& fact : facts()) {
        if (fact.deleted) continue;
        views.push_back(
            {fact.name(), fact.scope, fact.expires, fact.expires && *fact.expires <= now});
    }
    return views;
}

std::vector<ApiKeyFact> ApiKeyStore::facts() const {
    return state_->table.with([](const State::Table& table) { return table.facts; });
}

Result<void> ApiKeyStore::merge(const std::vector<ApiKeyFact>& others) {
    const auto held = state_->changes.enter();
    const std::int64_t millis = clock_();
    auto now = facts();
    bool changed = false;
    for (const ApiKeyFact& other : others) {
        const auto mine = std::ranges::find(now, other.id, &ApiKeyFact::id);
        if (mine == now.end()) {
            if (of_no_use(other, millis)) continue;
            now.push_back(other);
        } else if (mine->stamp < other.stamp) {
            *mine = other;
        } else {
            continue;
        }
        changed = true;
    }
    return changed ? replace(std::move(now)) : Result<void>{};
}

/// Of who holds `changes`.
Result<void> ApiKeyStore::replace(std::vector<ApiKeyFact> facts) {
    if (!problem_.empty()) return Error{ErrorCode::StorageFailed, problem_};
    const std::int64_t now = clock_();
    std::erase_if(facts, [now](const ApiKeyFact& fact) { return of_no_use(fact, now); });
    forget_oldest_deleted(facts);
    if (!path_.empty()) {
        const std::string text = api_keys_to_json(facts);
        if (text.size() > kMaxFileBytes) {
            return Error{ErrorCode::StorageFailed,
                         fmt::format("{} would be larger than {} bytes; the keys stay as they are, "
                                     "delete some first",
                                     path_, kMaxFileBytes)};
        }
        if (auto written = replace_small_file(path_, text); !written) {
            return Error{written.error().code,
                         written.error().detail + "; the keys stay as they are"};
        }
    }
    state_->table.with([&](State::Table& table) {
        // Whoever uses a key that stays as it is does not have to wait for a check again.
        const auto as_before = unchanged(table.facts, facts);
        std::erase_if(table.known, [&](const auto& each) {
            return !std::ranges::all_of(
                each.second.ids, [&](const std::string& id) { return as_before.contains(id); });
        });
        table.strangers.clear();
        table.facts = std::move(facts);
        ++table.version;
    });
    return {};
}

ApiKeyStamp ApiKeyStore::next_stamp() const {
    std::int64_t last = 0;
    for (const ApiKeyFact& fact : facts()) last = std::max(last, fact.stamp.millis);
    return {std::max(clock_(), last + 1), node_};
}

bool ApiKeyStore::in_range(std::optional<WallSeconds> expires) const {
    if (!expires) return true;
    const std::int64_t left = *expires - clock_() / 1000;
    const auto max_days = rules().max_days;
    return left > 0 && (!max_days || left <= *max_days * kSecondsPerDay);
}

namespace {

/// The fact among those of `ids` that opens `scope` at `now`.
ApiKeyStore::Verdict judge(const std::vector<ApiKeyFact>& facts,
                           const std::vector<std::string>& ids, ApiScope scope, WallSeconds now) {
    for (const ApiKeyFact& fact : facts) {
        if (fact.deleted || fact.scope != scope) continue;
        if (std::ranges::find(ids, fact.id) == ids.end()) continue;
        if (fact.expires && *fact.expires <= now) continue;
        return {ApiKeyStore::Outcome::Granted, fact.name()};
    }
    return {};
}

}  // namespace

ApiKeyStore::Verdict ApiKeyStore::look_up(std::string_view key, ApiScope scope) const {
    if (key.empty() || key.size() > kMaxApiKeyLength) return {};
    const std::string place = keyed_digest_of(key, state_->secret);
    const std::int64_t millis = clock_();
    const WallSeconds now = millis / 1000;
    return state_->table.with([&](const State::Table& table) -> Verdict {
        if (table.strangers.contains(place)) return {};
        const auto found = table.known.find(place);
        if (found != table.known.end()) {
            State::Table::Known& known = found->second;
            if (millis - known.used_millis >= kRememberKey.count()) {
                table.known.erase(found);
            } else {
                Verdict verdict = judge(table.facts, known.ids, scope, now);
                if (verdict.outcome == Outcome::Granted) known.used_millis = millis;
                if (verdict.outcome == Outcome::Granted || known.version == table.version) {
                    return verdict;
                }
            }
        }
        std::vector<std::string> ids;
        for (const ApiKeyFact* fact : matches(table.facts, key, false)) ids.push_back(fact->id);
        const Verdict quick = judge(table.facts, ids, scope, now);
        if (quick.outcome == Outcome::Granted || std::ranges::none_of(table.facts, slow)) {
            return quick;
        }
        return {Outcome::Unknown, {}};
    });
}

ApiKeyStore::Verdict ApiKeyStore::check(std::string_view key, ApiScope scope) const {
    for (int left = kMaxChecks; left > 0; --left) {
        Verdict verdict = look_up(key, scope);
        if (verdict.outcome != Outcome::Unknown) return verdict;
        const auto [all, version] = state_->table.with(
            [](const State::Table& table) { return std::pair(table.facts, table.version); });
        std::vector<std::string> ids;
        for (const ApiKeyFact* fact : matches(all, key, true)) ids.push_back(fact->id);
        std::string place = keyed_digest_of(key, state_->secret);
        const std::int64_t millis = clock_();
        const auto found = state_->table.with(
            [&, seen = version](const State::Table& table) -> std::optional<Verdict> {
                if (table.version != seen) return std::nullopt;
                Verdict result = judge(table.facts, ids, scope, millis / 1000);
                if (ids.empty()) {
                    if (table.strangers.size() >= kMaxRememberedKeys) table.strangers.clear();
                    table.strangers.insert(std::move(place));
                } else {
                    if (table.known.size() >= kMaxRememberedKeys) table.known.clear();
                    table.known.insert_or_assign(std::move(place),
                                                 State::Table::Known{std::move(ids), seen, millis});
                }
                return result;
            });
        if (found) return *found;
    }
    return {};
}

}  // namespace vmq::admin
