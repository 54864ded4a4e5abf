"""Makes a build of the worker the current one and moves every workflow to it: `make promote BUILD=...`.

Tickets, agents and dispatchers are pinned to the build that they started on. One that is woken sees the new build and
continues on it as new; one that sleeps would stay where it is for as long as it sleeps, and its old workers would have
to stay with it. Harmless to repeat: what was interrupted is finished by the next run.
"""

import argparse
import asyncio

from temporalio.api.workflowservice.v1 import SetWorkerDeploymentCurrentVersionRequest
from temporalio.client import Client, RPCError, RPCStatusCode
from temporalio.common import SearchAttributeKey

from operations.ending import leave
from settings import Settings
from workflows.client import DEPLOYMENT, connect, tls_config
from workflows.encryption import encryption

WAKES_PER_SECOND = 20.0
"""A woken workflow begins a new run; this leaves the engine most of its time for people."""
ROUNDS = 20
PAUSE_SECONDS = 2.0
"""The engine tells its parts of a new build one after the other, for a second or longer: a workflow that wakes before
its part has heard of it sees nothing new and sleeps on. So those that have not moved are woken again."""
BUILD = SearchAttributeKey.for_keyword("TemporalWorkerDeploymentVersion")
RUNNING = (
    "WorkflowType IN ('TicketWorkflow', 'AgentWorkflow', 'DispatchWorkflow', 'WebhookWorkflow') "
    "AND ExecutionStatus = 'Running'"
)
"""Whatever lives for long. All know the signal `wake_up`."""


async def promote(client: Client, build: str) -> None:
    """From now on new workflows start on the build, and others move to it when they wake.

    Raises RPCError when no worker of that build waits for work.
    """
    await client.workflow_service.set_worker_deployment_current_version(
        SetWorkerDeploymentCurrentVersionRequest(
            namespace=client.namespace, deployment_name=DEPLOYMENT, build_id=build, identity=client.identity
        )
    )


async def elsewhere(client: Client, build: str) -> list[str]:
    """The workflows that are not on the build."""
    return [
        found.id
        async for found in client.list_workflows(RUNNING, page_size=1000)
        if found.typed_search_attributes.get(BUILD) != f"{DEPLOYMENT}:{build}"
    ]


async def move(client: Client, build: str, per_second: float) -> list[str]:
    """Wake them until all are on the build. Returns those that would not go."""
    left = await elsewhere(client, build)
    for _ in range(ROUNDS):
        if not left:
            break
        for id in left:
            try:
                await client.get_workflow_handle(id).signal("wake_up")
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:  # it ended meanwhile
                    raise
            await asyncio.sleep(1 / per_second)
        await asyncio.sleep(PAUSE_SECONDS)
        left = await elsewhere(client, build)
    return left


async def run(settings: Settings, build: str, per_second: float) -> list[str]:
    """Promote the build on the engine that the settings name. Returns the workflows that would not go."""
    api_key = settings.temporal_api_key.get_secret_value() if settings.temporal_api_key else None
    tls = tls_config(settings.temporal_tls_ca_file, settings.temporal_tls_cert_file, settings.temporal_tls_key_file)
    client = await connect(
        settings.temporal_target,
        settings.temporal_namespace,
        api_key=api_key,
        tls=tls,
        encryption=encryption(settings.payload_keys_file, settings.payload_keys),
    )
    await promote(client, build)
    print(f"Build {build} is current. Moving the workflows to it ...")
    return await move(client, build, per_second)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make promote", description=__doc__)
    parser.add_argument("build", help="the WORKER_BUILD_ID of workers that run already")
    parser.add_argument("--per-second", type=float, default=WAKES_PER_SECOND, help="workflows to wake each second")
    arguments = parser.parse_args()
    settings = Settings()
    try:
        left = asyncio.run(run(settings, arguments.build, arguments.per_second))
    except (RPCError, RuntimeError) as error:
        print(f"Build {arguments.build} was not promoted at {settings.temporal_target}: {error}")
        return 2
    if left:
        print(f"{len(left)} workflows are still elsewhere, {left[0]} among them: do workers of their build still run?")
        return 1
    print("Every workflow is on it; workers of other builds may stop.")
    return 0


if __name__ == "__main__":
    leave(main())
