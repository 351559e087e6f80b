#include "support/test_broker.h"

#include <fmt/format.h>

#include <cstdlib>
#include <utility>

#include "base/assert.h"
#include "support/allows_everything.h"

namespace vmq::testing {
namespace {

std::string packet_of(std::string_view words, conformance::Version version) {
    auto split = conformance::split_words(words);
    VMQ_ASSERT(split);
    auto packet = conformance::encode_packet(split.value(), version);
    VMQ_ASSERT(packet);
    return std::move(packet.value());
}

bool is_shown(const conformance::SeenPacket& packet, const conformance::Field& field) {
    if (field.name == "dup" || field.name == "retain") return field.numbers.front() != 0;
    return packet.name != "CONNACK" || !field.property;
}

std::string in_words(const conformance::SeenPacket& packet) {
    std::string words = packet.name;
    for (const conformance::Field& field : packet.fields) {
        if (!is_shown(packet, field)) continue;
        words += fmt::format(" {}={}", field.name, field.is_text ? field.text : field.value());
    }
    return words;
}

const conformance::Field* find(const conformance::SeenPacket& packet, std::string_view name) {
    for (const conformance::Field& field : packet.fields) {
        if (field.name == name) return &field;
    }
    return nullptr;
}

}  // namespace

TestClient::TestClient(TestBroker& broker, int fd, conformance::Version version) : broker_(broker) {
    socket_.version = version;
    socket_.open(fd);
}

void TestClient::send(std::string_view words) { socket_.send(packet_of(words, socket_.version)); }

std::string TestClient::next() {
    broker_.settle();
    if (socket_.packets.empty()) return socket_.ended ? "closed" : "nothing";
    std::string words = in_words(socket_.packets.front());
    socket_.packets.pop_front();
    return words;
}

std::vector<std::string> TestClient::all() {
    broker_.settle();
    std::vector<std::string> words;
    for (const auto& packet : socket_.packets) words.push_back(in_words(packet));
    socket_.packets.clear();
    return words;
}

std::vector<std::string> TestClient::take_payloads() {
    std::vector<std::string> payloads;
    for (broker_.settle(); !socket_.packets.empty(); broker_.settle()) {
        for (const auto& packet : std::exchange(socket_.packets, {})) {
            if (packet.name != "PUBLISH") continue;
            payloads.push_back(find(packet, "payload")->text);
            if (const auto* id = find(packet, "id")) send("PUBACK id=" + id->value());
        }
    }
    return payloads;
}

namespace {

std::unique_ptr<SimulatedBroker> make(TestBroker::Options& options) {
    if (options.records == nullptr) {
        return std::make_unique<SimulatedBroker>(options.shards, std::move(options.store),
                                                 options.max_retained_messages);
    }
    constexpr store::WallMillis kWallStart = 1'700'000'000'000;
    return std::make_unique<SimulatedBroker>(options.shards, *options.records,
                                             options.max_retained_messages, TestBroker::kStart,
                                             kWallStart + options.since_start.count());
}

std::unique_ptr<metrics::Totals> totals_of(const auto& shards) {
    auto totals = std::make_unique<metrics::Totals>();
    for (const auto& shard : shards) shard->counters().add_to(*totals);
    return totals;
}

}  // namespace

TestBroker::TestBroker(Options options) : made_(make(options)), simulation_(*made_) {
    simulation_.shared().default_settings =
        std::make_shared<const session::Settings>(options.settings);
    anonymous_ = !options.plugin;
    if (options.plugin) {
        shard().chain().add(std::move(options.plugin));
        for (const auto& each : simulation_.shards()) {
            each->chain().add(std::make_unique<AllowsEverything>());
        }
    }
    use(options.settings);
}

void TestBroker::use(session::Settings settings) {
    settings.allow_anonymous = anonymous_;
    listener().settings.set(std::make_shared<const session::Settings>(std::move(settings)));
}

TestBroker::~TestBroker() = default;

TestClient& TestBroker::add(Result<int> fd, std::string_view version) {
    VMQ_ASSERT(fd);
    clients_.push_back(
        std::make_unique<TestClient>(*this, fd.value(), *conformance::parse_version(version)));
    return *clients_.back();
}

TestClient& TestBroker::open(std::string_view version) {
    return add(simulation_.connect(listener()), version);
}

TestClient& TestBroker::open_on(broker::Shard& shard, std::string_view version) {
    return add(simulation_.connect(listener(), shard), version);
}

TestClient& TestBroker::connect(std::string_view words, bool present) {
    const std::size_t blank = words.find(' ');
    TestClient& client = open(words.substr(0, blank));
    client.send(fmt::format("CONNECT {}", words.substr(blank + 1)));
    const std::string answer = client.next();
    VMQ_ASSERT(answer == fmt::format("CONNACK session_present={:d} reason=0x00", present));
    return client;
}

TestClient& TestBroker::subscribe(std::string_view words, std::string_view subscription) {
    TestClient& client = connect(words);
    client.send(fmt::format("SUBSCRIBE id=1 {}", subscription));
    const std::string answer = client.next();
    VMQ_ASSERT(answer.starts_with("SUBACK id=1 reasons=0x0"));
    return client;
}

bool TestBroker::exchange() {
    bool moved = false;
    for (const auto& client : clients_) moved = client->exchange() || moved;
    return moved;
}

void TestBroker::settle() {
    const auto settled = simulation_.settle([this] { return exchange(); });
    VMQ_ASSERT(settled);
}

void TestBroker::advance(Millis time) {
    settle();  // what was sent before belongs to the time before
    const auto settled = simulation_.advance(time, [this] { return exchange(); });
    VMQ_ASSERT(settled);
}

void TestBroker::shut_down() {
    const auto settled = simulation_.shut_down([this] { return exchange(); });
    VMQ_ASSERT(settled);
}

std::string TestBroker::id_on(ShardId id, std::string_view prefix) const {
    for (int i = 0;; ++i) {
        std::string name = fmt::format("{}{}", prefix, i);
        if (simulation_.shards()[id]->home_of("", name) == id) return name;
    }
}

std::uint64_t TestBroker::count(metrics::Counter counter) const {
    return totals_of(simulation_.shards())->get(counter);
}

std::uint64_t TestBroker::count(metrics::VersionCounter counter) const {
    const auto totals = totals_of(simulation_.shards());
    return totals->get(counter, false) + totals->get(counter, true);
}

std::uint64_t TestBroker::count(metrics::PacketKind kind) const {
    return totals_of(simulation_.shards())->get(kind);
}

}  // namespace vmq::testing
