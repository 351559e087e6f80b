// What one verification costs a thread of the pool, per scheme, with the costs that vmq-passwd
// uses.
#include <benchmark/benchmark.h>

#include <string>

#include "plugins/passwd/password_hash.h"

namespace vmq::plugins::passwd {
namespace {

void verify(benchmark::State& state, const std::string& hash) {
    for (auto _ : state)
        benchmark::DoNotOptimize(verify_password(hash, "a password of 24 bytes!!"));
}

void verify_new(benchmark::State& state, Scheme scheme) {
    verify(state, hash_password(scheme, "a password of 24 bytes!!").value());
}

void mosquitto(benchmark::State& state) {
    verify(state, "$7$101$kBrfjIh47jCYF9gl$" + std::string(86, 'A') + "==");
}
// The most expensive ones that are accepted.
void bcrypt_limit(benchmark::State& state) { verify(state, "$2b$14$" + std::string(53, 'A')); }
void sha512crypt_limit(benchmark::State& state) {
    const std::string hash = "$6$rounds=1000000$saltsalt$" + std::string(86, 'A');
    const std::string longest(128, 'x');
    for (auto _ : state) benchmark::DoNotOptimize(verify_password(hash, longest));
}
void yescrypt_limit(benchmark::State& state) {
    verify(state, "$y$jBT$saltsalt$" + std::string(43, 'A'));
}
void mosquitto_limit(benchmark::State& state) {
    verify(state, "$7$1000000$kBrfjIh47jCYF9gl$" + std::string(86, 'A') + "==");
}

BENCHMARK_CAPTURE(verify_new, vernemq, Scheme::Vernemq);
BENCHMARK(mosquitto)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(verify_new, sha512crypt, Scheme::Sha512Crypt)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(verify_new, yescrypt, Scheme::Yescrypt)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(verify_new, bcrypt, Scheme::Bcrypt)->Unit(benchmark::kMillisecond);
BENCHMARK(bcrypt_limit)->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK(sha512crypt_limit)->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK(yescrypt_limit)->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK(mosquitto_limit)->Unit(benchmark::kMillisecond)->Iterations(1);

}  // namespace
}  // namespace vmq::plugins::passwd
