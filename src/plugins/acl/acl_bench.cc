// What an ACL of 10,000 lines costs a PUBLISH.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/assert.h"
#include "hooks/chain.h"
#include "plugins/acl/acl_file.h"
#include "plugins/acl/acl_plugin.h"
#include "support/temporary_folder.h"

namespace vmq::plugins::acl {
namespace {

constexpr std::uint32_t kLines = 10'000;

/// A few rules for everyone and patterns, the rest three each for 2,490 users.
std::string ten_thousand_lines() {
    std::string text = "topic read news/#\ntopic read +/status\n";
    std::uint32_t lines = 7;
    for (std::uint32_t user = 0; lines + 4 <= kLines; ++user, lines += 4) {
        text += fmt::format(
            "user user{0}\ntopic write site{1}/user{0}/+/temp\ntopic read site{1}/user{0}/#\n"
            "topic command/user{0}\n",
            user, user % 50);
    }
    return text +
           "pattern write device/%c/state\npattern read device/%c/#\npattern %u/%c/#\n"
           "pattern read tenant/%m/+/#\npattern write log/%u\n";
}

struct Source {
    Source() {
        std::ofstream(folder.path() + "/vmq.acl") << ten_thousand_lines();
        source =
            std::make_shared<AclSource>(AclSource::Options{.file = folder.path() + "/vmq.acl"});
        VMQ_ASSERT(source->reload());
    }
    static const Source& instance() {
        static const Source source;
        return source;
    }
    vmq::testing::TemporaryFolder folder;
    std::shared_ptr<AclSource> source;
};

struct Publisher {
    std::string client_id;
    std::string username;
    std::string topic;
};

std::vector<Publisher> publishers(std::size_t count) {
    std::vector<Publisher> all;
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t user = i % 2000;
        all.push_back({fmt::format("client-{:05}", i), fmt::format("user{}", user),
                       fmt::format("site{}/user{}/sensor{}/temp", user % 50, user, i)});
    }
    return all;
}

hooks::PublishContext context_of(const Publisher& publisher) {
    hooks::PublishContext context;
    context.subscriber = {"", publisher.client_id};
    context.username = publisher.username;
    context.topic = publisher.topic;
    return context;
}

/// As large as what a connection hands over.
struct Done {
    std::array<std::uint64_t, 5> state{};
    void operator()(const hooks::PublishVerdict&, std::size_t) const {}
};

void ask(benchmark::State& state, hooks::Chain& chain, const std::vector<Publisher>& all) {
    std::size_t at = 0;
    for (auto unused : state) {
        const Publisher& publisher = all[at];
        at = at + 1 == all.size() ? 0 : at + 1;
        // As a connection does.
        hooks::Chain::Later<hooks::PublishVerdict> later;
        if (!chain.answers_at_once(hooks::Hook::AuthOnPublish, nullptr)) later = Done{};
        const auto verdict = chain.auth_on_publish(context_of(publisher), std::move(later));
        VMQ_ASSERT(verdict->decision == hooks::Decision::Ok);
    }
}

/// What a PUBLISH asks where there is no plugin.
void chain_without_acl(benchmark::State& state) {
    const hooks::Chain chain;
    for (auto unused : state) {
        benchmark::DoNotOptimize(chain.implements(hooks::Hook::AuthOnPublish, nullptr));
    }
}
BENCHMARK(chain_without_acl);

/// range(0): known topics, one client each.
void chain_with_acl(benchmark::State& state) {
    hooks::Chain chain;
    chain.add(std::make_unique<AclPlugin>(Source::instance().source));
    ask(state, chain, publishers(static_cast<std::size_t>(state.range(0))));
}
BENCHMARK(chain_with_acl)->Arg(1)->Arg(1000)->Arg(4000)->Arg(100'000);

void rules_alone(benchmark::State& state) {
    const auto rules = Source::instance().source->rules();
    const auto all = publishers(static_cast<std::size_t>(state.range(0)));
    std::size_t at = 0;
    for (auto unused : state) {
        const Publisher& publisher = all[at];
        at = at + 1 == all.size() ? 0 : at + 1;
        benchmark::DoNotOptimize(
            rules->may_publish({"", publisher.client_id, publisher.username}, publisher.topic));
    }
}
BENCHMARK(rules_alone)->Arg(1)->Arg(1000)->Arg(100'000);

void rules_refuse(benchmark::State& state) {
    const auto rules = Source::instance().source->rules();
    for (auto unused : state) {
        benchmark::DoNotOptimize(
            rules->may_publish({"", "client-1", "user1"}, "site2/user2/sensor/temp"));
    }
}
BENCHMARK(rules_refuse);

void read_ten_thousand_lines(benchmark::State& state) {
    const std::string text = ten_thousand_lines();
    for (auto unused : state) {
        const AclRules rules(parse_acl_file(text).rules, {});
        benchmark::DoNotOptimize(rules.rules().data());
    }
}
BENCHMARK(read_ten_thousand_lines)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace vmq::plugins::acl
