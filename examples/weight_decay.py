# %% [markdown]
"""
# Weight decay with high-level APIs (section 3.7.4)

20 examples of 200 features: without the decay (`--wd 0`) the model memorizes them. Here the
optimizer decays the weights, and the loss stays as it is.
"""

# %%
import numpy as np
from common import save_figure, set_weights, show_source, show_table, start

d2l, args = start(__doc__, backend="jax", device="auto", epochs=10, batch_size=5, lr=0.01, wd=3.0)

# %% [markdown]
# ## Data

# %%
data = d2l.HighDimensionalData(
    num_train=20, num_val=100, num_inputs=200, batch_size=args.batch_size, seed=args.seed
)

# %% [markdown]
# ## Model
#
# A step adds `wd` times the weights to their gradient; the bias is left alone. Each framework says
# in its own way which parameters decay, so the model is the library's.

# %%
show_source(d2l.WeightDecay)

# %%
model = d2l.WeightDecay(wd=args.wd, lr=args.lr, num_inputs=data.num_inputs)
model.board.yscale = "log"
set_weights(d2l, model, args.seed)

# %% [markdown]
# ## Training

# %% Training
trainer = d2l.Trainer(args.epochs, num_gpus=args.num_gpus)
history = trainer.fit(model, data)

# %% [markdown]
# The loss has no factor 1/2 here, so the same number decays half as much as from scratch.

# %%
show_table(history)
print(f"L2 norm of w: {np.linalg.norm(d2l.export_weights(model)['net.weight']):.4f}")
save_figure(args, model.board)
